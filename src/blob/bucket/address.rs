//! From a URL and settings to a client.

use std::collections::BTreeMap;
use std::fs::{DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path as FilePath, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use object_store::aws::AmazonS3Builder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{BackoffConfig, ClientOptions, ObjectStore, RetryConfig};

use super::BucketKind;
use crate::blob::error::BlobError;
use crate::blob::key::{InvalidKey, Key};

/// How long a connection may take to be made.
const CONNECT_TIME: Duration = Duration::from_secs(5);
/// How long the bucket may stay silent. The length of an answer has no limit: it is as slow as
/// whoever reads it.
const SILENCE: Duration = Duration::from_secs(30);
/// How often a request is repeated, and for how long, before its failure is ours.
const RETRIES: usize = 6;
const RETRY_TIME: Duration = Duration::from_secs(20);

/// A URL, understood.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Address {
    File(PathBuf),
    S3(Place),
    Gcs(Place),
}

/// A bucket's name and the prefix of all keys in it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Place {
    bucket: String,
    prefix: Option<Key>,
}

/// Why a URL is not that of a bucket. None of these shows the URL, which may hold a secret.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum InvalidAddress {
    #[error("must begin with `file://`, `s3://` or `gs://`")]
    Scheme,
    #[error("a `file://` URL needs a path: `file:///absolute/path` or `file://./relative/path`")]
    FilePath,
    #[error(
        "needs the name of a bucket: 3 to 222 lower-case letters, digits, dots, underscores or hyphens"
    )]
    BucketName,
    #[error("has a prefix that cannot be used: {0}")]
    Prefix(InvalidKey),
}

impl FromStr for Address {
    type Err = InvalidAddress;

    fn from_str(url: &str) -> Result<Self, InvalidAddress> {
        let (scheme, rest) = url.split_once("://").ok_or(InvalidAddress::Scheme)?;
        match scheme {
            "file"
                if rest.starts_with('/') || rest.starts_with("./") || rest.starts_with("../") =>
            {
                Ok(Self::File(rest.into()))
            }
            "file" => Err(InvalidAddress::FilePath),
            "s3" => Ok(Self::S3(rest.parse()?)),
            "gs" => Ok(Self::Gcs(rest.parse()?)),
            _ => Err(InvalidAddress::Scheme),
        }
    }
}

impl FromStr for Place {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        let (bucket, prefix) = text.split_once('/').unwrap_or((text, ""));
        let is_name = |byte: &u8| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'_' | b'-')
        };
        if !(3..=222).contains(&bucket.len()) || !bucket.as_bytes().iter().all(is_name) {
            return Err(InvalidAddress::BucketName);
        }
        let prefix = match prefix.trim_end_matches('/') {
            "" => None,
            prefix => Some(prefix.parse().map_err(InvalidAddress::Prefix)?),
        };
        Ok(Self {
            bucket: bucket.to_owned(),
            prefix,
        })
    }
}

/// A client, and what it is a client of.
type Connected = (BucketKind, PrefixStore<Box<dyn ObjectStore>>);

impl Address {
    pub(super) fn connect(
        &self,
        settings: &BTreeMap<String, String>,
    ) -> Result<Connected, BlobError> {
        match self {
            Self::File(folder) => {
                make_private_folder(folder).map_err(BlobError::settings)?;
                let store = LocalFileSystem::new_with_prefix(folder)
                    .map_err(BlobError::settings)?
                    .with_fsync(true);
                Ok((
                    BucketKind::File,
                    PrefixStore::new(Box::new(store), Path::ROOT),
                ))
            }
            Self::S3(place) => Ok((BucketKind::S3, place.within(s3(&place.bucket, settings)?))),
            Self::Gcs(place) => Ok((BucketKind::Gcs, place.within(gcs(&place.bucket, settings)?))),
        }
    }
}

impl Place {
    fn within(&self, store: impl ObjectStore) -> PrefixStore<Box<dyn ObjectStore>> {
        let prefix = self.prefix.as_ref().map(|key| key.path().clone());
        PrefixStore::new(Box::new(store), prefix.unwrap_or(Path::ROOT))
    }
}

fn s3(bucket: &str, settings: &BTreeMap<String, String>) -> Result<impl ObjectStore, BlobError> {
    install_tls();
    let mut builder = AmazonS3Builder::new()
        .with_client_options(client_options())
        .with_retry(retries());
    for (name, value) in settings.iter().filter(|(name, _)| name.starts_with("AWS_")) {
        // Other programs have settings of their own with this prefix.
        if let Ok(key) = name.to_ascii_lowercase().parse() {
            builder = builder.with_config(key, value);
        }
    }
    let store = builder.with_bucket_name(bucket).build();
    store.map_err(BlobError::settings)
}

fn gcs(bucket: &str, settings: &BTreeMap<String, String>) -> Result<impl ObjectStore, BlobError> {
    install_tls();
    // The metadata server, where a machine of Google's finds its credentials, speaks plain HTTP.
    let mut builder = GoogleCloudStorageBuilder::new()
        .with_client_options(client_options().with_allow_http(true))
        .with_retry(retries());
    for (name, value) in settings
        .iter()
        .filter(|(name, _)| name.starts_with("GOOGLE_"))
    {
        if let Ok(key) = name.to_ascii_lowercase().parse() {
            builder = builder.with_config(key, value);
        }
    }
    let store = builder.with_bucket_name(bucket).build();
    store.map_err(BlobError::settings)
}

fn client_options() -> ClientOptions {
    ClientOptions::new()
        .with_timeout_disabled()
        .with_connect_timeout(CONNECT_TIME)
        .with_read_timeout(SILENCE)
}

fn retries() -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig {
            init_backoff: Duration::from_millis(50),
            max_backoff: Duration::from_secs(2),
            base: 2.0,
        },
        max_retries: RETRIES,
        retry_timeout: RETRY_TIME,
    }
}

/// HTTPS clients take the process's provider of cryptography, and panic where there is none.
fn install_tls() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // Losing the race against another thread leaves a provider in place just as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
}

/// Makes `folder` and what leads to it, for this account alone, and makes that durable.
fn make_private_folder(folder: &FilePath) -> io::Result<()> {
    let missing = folder
        .ancestors()
        .take_while(|path| !path.as_os_str().is_empty() && !path.exists());
    let parents: Vec<_> = missing.filter_map(FilePath::parent).collect();
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)?;
    for parent in parents {
        let parent = if parent.as_os_str().is_empty() {
            FilePath::new(".")
        } else {
            parent
        };
        File::open(parent)?.sync_all()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_understood() {
        let place = |bucket: &str, prefix: Option<&str>| Place {
            bucket: bucket.to_owned(),
            prefix: prefix.map(|key| key.parse().unwrap()),
        };
        for (url, address) in [
            ("file:///var/files", Address::File("/var/files".into())),
            ("file://./data/files", Address::File("./data/files".into())),
            ("s3://test", Address::S3(place("test", None))),
            ("s3://test/", Address::S3(place("test", None))),
            ("gs://a-b/c/d/", Address::Gcs(place("a-b", Some("c/d")))),
        ] {
            assert_eq!(url.parse(), Ok(address), "{url}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_url_is_said() {
        for (url, wrong) in [
            ("", InvalidAddress::Scheme),
            ("/var/files", InvalidAddress::Scheme),
            ("http://host/bucket", InvalidAddress::Scheme),
            ("file://", InvalidAddress::FilePath),
            ("file://data/files", InvalidAddress::FilePath),
            ("s3://", InvalidAddress::BucketName),
            ("s3:///prefix", InvalidAddress::BucketName),
            ("s3://Upper/prefix", InvalidAddress::BucketName),
            ("gs://key:secret@host/x", InvalidAddress::BucketName),
            ("s3://test/a?b=c", InvalidAddress::Prefix(InvalidKey)),
            ("gs://test/../x", InvalidAddress::Prefix(InvalidKey)),
        ] {
            assert_eq!(url.parse::<Address>(), Err(wrong), "{url}");
        }
    }
}
