//! Backups of SQLite in a folder: one a day beside the requests, and those that are asked for.
//!
//! Their names say when they were made, in UTC. What has another name is left alone.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, NaiveDateTime, NaiveTime, TimeDelta};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::clock::Timestamp;
use crate::config::BackupConfig;
use crate::error::chain;
use crate::store::{self, BackupError, UNFINISHED};

/// The name of a backup that was made at a moment.
const NAME: &str = "backup-%Y-%m-%d-%H%M.db";
/// How often the server looks whether a backup is due.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// How long it rests after one that failed: it may have read the whole database.
const REST: Duration = Duration::from_secs(15 * 60);

/// The folder of a database's backups.
#[derive(Clone, Debug)]
pub struct Backups {
    database_url: String,
    config: BackupConfig,
}

impl Backups {
    /// Backups of the SQLite database at `database_url`.
    #[must_use]
    pub fn new(database_url: &str, config: BackupConfig) -> Self {
        Self {
            database_url: database_url.to_owned(),
            config,
        }
    }

    /// Makes a backup, named by `now`, and gives its path.
    ///
    /// # Errors
    /// As [`store::back_up`]; and when another one is being made in this folder, or was within the
    /// same minute.
    pub async fn make(&self, now: Timestamp) -> Result<PathBuf, BackupError> {
        let folder = &self.config.folder;
        std::fs::create_dir_all(folder)?;
        let lock = lock(folder)?;
        remove_unfinished(folder)?;
        let path = folder.join(DateTime::from(now).format(NAME).to_string());
        store::back_up(&self.database_url, &path).await?;
        drop(lock);
        Ok(path)
    }

    /// Deletes what is older than it is kept, but never `newest`, which was found good. Gives the
    /// paths of what went.
    fn rotate(&self, now: Timestamp, newest: &Path) -> io::Result<Vec<PathBuf>> {
        let oldest = DateTime::from(now.minus(self.config.keep)).naive_utc();
        let mut gone = Vec::new();
        for (made, path) in made(&self.config.folder)? {
            if made < oldest && path != newest {
                std::fs::remove_file(&path)?;
                gone.push(path);
            }
        }
        Ok(gone)
    }

    /// Whether none was made since the last time of day at which one is to be made.
    fn is_due(&self, now: Timestamp) -> io::Result<bool> {
        let now = DateTime::from(now).naive_utc();
        let at = TimeDelta::from_std(self.config.at).unwrap_or_default();
        let today = now.date().and_time(NaiveTime::MIN) + at;
        let due = if today <= now {
            today
        } else {
            today - TimeDelta::days(1)
        };
        // A name has no seconds. One from the future, of a clock that was wrong, counts for nothing.
        let counts = |&(made, _): &(NaiveDateTime, _)| made >= due && made <= now;
        Ok(!made(&self.config.folder)?.iter().any(counts))
    }
}

/// The task that makes a backup a day.
pub(super) struct Daily {
    stop: watch::Sender<()>,
    task: JoinHandle<()>,
}

impl Daily {
    /// Starts the task.
    pub(super) fn start(backups: Backups) -> Self {
        let (stop, stopped) = watch::channel(());
        let task = tokio::spawn(keep_backing_up(backups, stopped));
        Self { stop, task }
    }

    /// Ends the task. A backup that is under way is given up.
    pub(super) async fn finish(self) {
        drop(self.stop);
        if let Err(error) = self.task.await {
            tracing::error!(%error, "daily backups failed");
        }
    }
}

async fn keep_backing_up(backups: Backups, mut stopped: watch::Receiver<()>) {
    loop {
        let pause = tokio::select! {
            pause = look(&backups) => pause,
            _ = stopped.changed() => return,
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            _ = stopped.changed() => return,
        }
    }
}

/// Makes a backup if one is due, and gives the time until the next look.
async fn look(backups: &Backups) -> Duration {
    let now = Timestamp::now();
    let made = match backups.is_due(now) {
        Ok(false) => return LOOK_EVERY,
        Ok(true) => backups.make(now).await,
        Err(error) => Err(error.into()),
    };
    let rotated = made.and_then(|newest| {
        tracing::info!(path = %newest.display(), "made a backup");
        Ok(backups.rotate(now, &newest)?)
    });
    match rotated {
        Ok(gone) => {
            for path in gone {
                tracing::info!(path = %path.display(), "deleted an old backup");
            }
            LOOK_EVERY
        }
        Err(error) => {
            tracing::error!(cause = chain(&error), "there is no new backup");
            REST
        }
    }
}

/// The backups in `folder` with the times that their names say; none if there is no folder yet.
fn made(folder: &Path) -> io::Result<Vec<(NaiveDateTime, PathBuf)>> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        let made = name.and_then(|name| NaiveDateTime::parse_from_str(name, NAME).ok());
        found.extend(made.map(|made| (made, path.clone())));
    }
    Ok(found)
}

/// Keeps everybody else from making a backup in `folder` until it is dropped.
fn lock(folder: &Path) -> Result<File, BackupError> {
    let path = folder.join(".lock");
    let file = File::options().create(true).append(true).open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(BackupError::Running),
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}

/// Removes what somebody left who was killed.
fn remove_unfinished(folder: &Path) -> io::Result<()> {
    let (prefix, suffix) = UNFINISHED;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let is_unfinished = |name: &str| name.starts_with(prefix) && name.ends_with(suffix);
        if name.to_str().is_some_and(is_unfinished) {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::*;

    fn backups(folder: &TempDir) -> Backups {
        let config = BackupConfig {
            folder: folder.path().to_owned(),
            is_daily: true,
            at: Duration::from_secs(9_000),
            keep: Duration::from_secs(14 * 86_400),
        };
        Backups::new("sqlite://none", config)
    }

    fn names(folder: &TempDir) -> Vec<String> {
        let entries = fs::read_dir(folder.path()).unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn what_is_old_by_its_name_goes() {
        let folder = TempDir::new().unwrap();
        let newest = folder.path().join("backup-2026-11-21-0230.db");
        for name in [
            "backup-2025-01-01-0230.db",
            "backup-2026-11-07-0229.db",
            "backup-2026-11-07-0230.db",
            "backup-2026-11-20-0230.db",
            "backup-2026-11-21-0230.db",
            "backup-2025-01-01.db",
            "backup-2025-13-01-0230.db",
            "notes.txt",
        ] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let now = "2026-11-21T02:30:00Z".parse().unwrap();
        let gone = backups(&folder).rotate(now, &newest).unwrap();
        assert_eq!(gone.len(), 2);
        let left = [
            "backup-2025-01-01.db",
            "backup-2025-13-01-0230.db",
            "backup-2026-11-07-0230.db",
            "backup-2026-11-20-0230.db",
            "backup-2026-11-21-0230.db",
            "notes.txt",
        ];
        assert_eq!(names(&folder), left);
    }

    #[test]
    fn the_newest_stays_even_if_its_name_is_old() {
        let folder = TempDir::new().unwrap();
        let newest = folder.path().join("backup-2020-01-01-0230.db");
        fs::write(&newest, "").unwrap();
        let now = "2026-11-21T02:30:00Z".parse().unwrap();
        assert!(backups(&folder).rotate(now, &newest).unwrap().is_empty());
    }

    #[test]
    fn one_is_due_once_a_day_and_after_a_night_that_was_missed() {
        let folder = TempDir::new().unwrap();
        let due = |now: &str| backups(&folder).is_due(now.parse().unwrap()).unwrap();
        assert!(due("2026-11-21T12:00:00Z"));
        fs::write(folder.path().join("backup-2026-11-20-0230.db"), "").unwrap();
        assert!(!due("2026-11-20T02:30:20Z"));
        assert!(!due("2026-11-21T02:29:59Z"));
        assert!(due("2026-11-21T02:30:00Z"));
        fs::write(folder.path().join("backup-2027-01-01-0230.db"), "").unwrap();
        assert!(due("2026-11-21T02:30:00Z"));
    }

    #[tokio::test]
    async fn two_at_once_do_not_meet() {
        let folder = TempDir::new().unwrap();
        let _held = lock(folder.path()).unwrap();
        let refused = backups(&folder).make(Timestamp::now()).await;
        assert!(matches!(refused, Err(BackupError::Running)), "{refused:?}");
    }
}
