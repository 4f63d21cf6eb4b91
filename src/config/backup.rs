//! Backups of the embedded database.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use super::Source;

const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Where and when SQLite is backed up. PostgreSQL has tools of its own.
#[derive(Clone, Debug)]
pub struct BackupConfig {
    /// Where backups lie that are not told where.
    pub folder: PathBuf,
    /// Whether the server makes one a day.
    pub is_daily: bool,
    /// When it does, as the time since midnight UTC.
    pub at: Duration,
    /// After this a backup that the server made is deleted.
    pub keep: Duration,
}

impl BackupConfig {
    pub(super) fn read(source: &mut Source) -> Self {
        let data_dir: PathBuf = source.get("DATA_DIR", "./data".into());
        let folder: Option<PathBuf> = source.find("BACKUP_DIR");
        let days: u32 = source.get("BACKUP_DAYS", 14);
        if days == 0 {
            source.fault("BACKUP_DAYS", "must be at least 1");
        }
        Self {
            is_daily: folder.is_some(),
            folder: folder.unwrap_or_else(|| data_dir.join("backups")),
            at: source.get("BACKUP_AT", TimeOfDay(HOUR * 5 / 2)).0,
            keep: DAY * days,
        }
    }
}

/// Hours and minutes since midnight, as `02:30`.
struct TimeOfDay(Duration);

impl FromStr for TimeOfDay {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WRONG: &str = "must be a time in UTC such as 02:30";
        let (hours, minutes) = text.split_once(':').ok_or(WRONG)?;
        let number = |digits: &str| digits.parse::<u8>().map_err(|_| WRONG);
        let (hours, minutes) = (number(hours)?, number(minutes)?);
        if hours > 23 || minutes > 59 {
            return Err(WRONG);
        }
        Ok(Self(HOUR * hours.into() + HOUR / 60 * minutes.into()))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::config::{BackupConfig, Config, Faults, Source};

    fn read(settings: &[(&str, &str)]) -> Result<BackupConfig, Faults> {
        let settings = settings
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Config::read(Source::new(settings.collect())).map(|config| config.backup)
    }

    #[test]
    fn the_server_backs_up_where_a_folder_is_named() {
        let none = read(&[]).unwrap();
        assert!(!none.is_daily);
        assert_eq!(none.folder.to_str(), Some("./data/backups"));
        let nightly = read(&[("BACKUP_DIR", "/backups")]).unwrap();
        assert!(nightly.is_daily);
        assert_eq!(nightly.at, Duration::from_secs(9_000));
        assert_eq!(nightly.keep, Duration::from_secs(14 * 86_400));
    }

    #[test]
    fn times_of_day_are_checked() {
        let at = |text| read(&[("BACKUP_AT", text)]).map(|config| config.at.as_secs());
        assert_eq!(at("23:59").unwrap(), 86_340);
        for wrong in ["24:00", "2", "02:60", "-1:00", "02:30:00"] {
            assert!(at(wrong).is_err(), "{wrong}");
        }
        assert!(read(&[("BACKUP_DAYS", "0")]).is_err());
    }
}
