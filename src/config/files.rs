//! Settings of files: where their bytes lie, under which keys, and how much of them there may be.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::Source;
use crate::blob::MasterKeys;

/// How long an upload takes parts, as OpenAI has it.
pub const UPLOAD_TIME: Duration = Duration::from_secs(60 * 60);

/// The purposes that OpenAI's API knows.
const PURPOSES: &str = "assistants,assistants_output,batch,batch_output,evals,fine-tune,\
                        fine-tune-results,moderation,responses,user_data,vision";
const HOUR: Duration = Duration::from_secs(60 * 60);
const MEBIBYTE: u64 = 1 << 20;

/// Where the bytes of files lie, and the rules for them.
#[derive(Clone, Debug)]
pub struct FilesConfig {
    /// `file://…`, `s3://bucket/prefix` or `gs://bucket/prefix`.
    pub url: String,
    /// The variables that begin with `AWS_` or `GOOGLE_`.
    pub bucket: BTreeMap<String, String>,
    /// The master keys; `None`: the embedded default makes one, and production serves no files.
    pub master_keys: Option<MasterKeys>,
    /// Where the embedded default keeps the master key that it makes.
    pub key_file: PathBuf,
    /// How often what has expired is purged, and what could not be removed before.
    pub sweep_interval: Duration,
    /// What files may be.
    pub rules: FileRules,
}

/// What files may be.
#[derive(Clone, Debug)]
pub struct FileRules {
    /// The largest file in one request, in bytes.
    pub file_bytes: u64,
    /// The largest part of an upload, in bytes.
    pub part_bytes: u64,
    /// The largest file that comes as an upload, in bytes.
    pub upload_bytes: u64,
    /// How long a file is kept that does not say.
    pub default_ttl: Duration,
    /// The longest that a file may ask for.
    pub max_ttl: Duration,
    /// What a file may be for.
    pub purposes: Vec<String>,
    /// The most bytes of a GPT, in files and open uploads.
    pub max_bytes: u64,
    /// The most files of a GPT.
    pub max_files: u64,
    /// How long a stored object that no row knows is left alone: longer than any upload.
    pub orphan_age: Duration,
}

impl Default for FileRules {
    fn default() -> Self {
        Self::read(&mut Source::new(BTreeMap::new()))
    }
}

impl FilesConfig {
    pub(super) fn read(source: &mut Source) -> Self {
        let data_dir: PathBuf = source.get("DATA_DIR", "./data".into());
        let mut bucket = source.with_prefix(&["AWS_", "GOOGLE_"]);
        if let Some(region) = source.find("FILES_S3_REGION") {
            bucket.entry("AWS_REGION".to_owned()).or_insert(region);
        }
        let folder = || format!("file://{}", data_dir.join("files").display());
        Self {
            url: source
                .find("FILES_URL")
                .or_else(|| s3_url(source))
                .unwrap_or_else(folder),
            bucket,
            master_keys: source.find("FILES_ENCRYPTION_KEY"),
            key_file: data_dir.join("files.key"),
            sweep_interval: Duration::from_secs(source.get("FILES_SWEEP_SECONDS", 60).max(1)),
            rules: FileRules::read(source),
        }
    }
}

/// The URL of the bucket that `storage: s3` and its block describe.
fn s3_url(source: &mut Source) -> Option<String> {
    let storage: String = source.find("FILES_STORAGE")?;
    match storage.as_str() {
        "local" => None,
        "s3" => {
            let bucket: Option<String> = source.find("FILES_S3_BUCKET");
            let prefix: String = source.get("FILES_S3_PREFIX", String::new());
            if bucket.is_none() {
                source.fault("FILES_S3_BUCKET", "must be set where the storage is s3");
            }
            Some(format!("s3://{}/{prefix}", bucket?))
        }
        _ => {
            source.fault("FILES_STORAGE", "must be local or s3; FILES_URL says more");
            None
        }
    }
}

impl FileRules {
    fn read(source: &mut Source) -> Self {
        let purposes: String = source.get("FILES_PURPOSES", PURPOSES.to_owned());
        let rules = Self {
            file_bytes: mebibytes(source, "FILES_MAX_SIZE_MB", 512),
            part_bytes: mebibytes(source, "FILES_MAX_PART_MB", 64),
            upload_bytes: mebibytes(source, "FILES_MAX_UPLOAD_MB", 8192),
            default_ttl: duration(source, "FILES_DEFAULT_TTL", HOUR * 168),
            max_ttl: duration(source, "FILES_MAX_TTL", HOUR * 720),
            purposes: purposes
                .split(',')
                .map(|purpose| purpose.trim().to_owned())
                .collect(),
            max_bytes: source.get("FILES_MAX_BYTES_PER_GPT", 10 << 30),
            max_files: source.get("FILES_MAX_FILES_PER_GPT", 10_000),
            orphan_age: Duration::from_secs(source.get("FILES_ORPHAN_SECONDS", HOUR.as_secs())),
        };
        if rules.default_ttl > rules.max_ttl {
            source.fault("FILES_DEFAULT_TTL", "must not be over FILES_MAX_TTL");
        }
        rules
    }
}

fn mebibytes(source: &mut Source, name: &str, default: u64) -> u64 {
    let most = i64::MAX.unsigned_abs() / MEBIBYTE;
    let count = source.get(name, default);
    if !(1..=most).contains(&count) {
        source.fault(name, format!("must be from 1 to {most}"));
    }
    count.min(most) * MEBIBYTE
}

fn duration(source: &mut Source, name: &str, default: Duration) -> Duration {
    let time = source.get(name, humantime::Duration::from(default));
    if time.as_secs() == 0 {
        source.fault(name, "must be at least 1s");
    }
    time.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "base64:QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=";

    fn read(settings: &[(&str, &str)]) -> (FilesConfig, Vec<String>) {
        let settings = settings
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let mut source = Source::new(settings.collect());
        let config = FilesConfig::read(&mut source);
        (config, source.into_faults())
    }

    #[test]
    fn needs_nothing() {
        let (config, faults) = read(&[]);
        assert!(faults.is_empty(), "{faults:?}");
        assert_eq!(config.url, "file://./data/files");
        assert_eq!(config.key_file, PathBuf::from("./data/files.key"));
        assert!(config.master_keys.is_none());
        assert_eq!(config.rules.file_bytes, 512 << 20);
        assert_eq!(config.rules.default_ttl.as_secs(), 7 * 24 * 3600);
        assert_eq!(config.rules.max_ttl.as_secs(), 30 * 24 * 3600);
        assert!(config.rules.purposes.contains(&"user_data".to_owned()));
    }

    #[test]
    fn the_block_of_the_seed_is_read() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let block = format!(
            "files:\n  max_size_mb: 200\n  default_ttl: 24h\n  max_ttl: 48h\n  storage: s3\n  \
             s3:\n    bucket: bytes\n    prefix: of/files\n    region: eu-west-1\n  \
             encryption_key: {KEY}\naws_endpoint: http://localhost:1\n"
        );
        std::fs::write(&file, block).unwrap();
        let path = file.path().to_str().unwrap();
        let (config, faults) = read(&[("CONFIG", path), ("AWS_ACCESS_KEY_ID", "key")]);
        assert!(faults.is_empty(), "{faults:?}");
        assert_eq!(config.url, "s3://bytes/of/files");
        let bucket: Vec<_> = config.bucket.iter().collect();
        let expected = [
            ("AWS_ACCESS_KEY_ID", "key"),
            ("AWS_ENDPOINT", "http://localhost:1"),
            ("AWS_REGION", "eu-west-1"),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(
            bucket,
            expected.iter().map(|(a, b)| (a, b)).collect::<Vec<_>>()
        );
        assert!(config.master_keys.is_some());
        assert_eq!(config.rules.file_bytes, 200 << 20);
        assert_eq!(config.rules.max_ttl.as_secs(), 48 * 3600);
        let (config, _) = read(&[("CONFIG", path), ("FILES_URL", "gs://other/prefix")]);
        assert_eq!(config.url, "gs://other/prefix");
    }

    #[test]
    fn every_fault_is_named_and_no_key_is_shown() {
        let (_, faults) = read(&[
            ("FILES_ENCRYPTION_KEY", "base64:c2VjcmV0"),
            ("FILES_MAX_SIZE_MB", "0"),
            ("FILES_MAX_TTL", "1h"),
            ("FILES_STORAGE", "tape"),
            ("FILES_SWEEP_SECONDS", "often"),
        ]);
        assert_eq!(faults.len(), 5, "{faults:?}");
        assert!(!faults.concat().contains("c2VjcmV0"), "{faults:?}");
    }
}
