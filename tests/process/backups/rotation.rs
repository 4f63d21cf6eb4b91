//! Which dumps go and which stay, by the dates in their names; and when the sidecar is well.

use std::fs;
use std::time::Duration;

use chrono::{DateTime, Utc};
use gpt_object_store::clock::Timestamp;

use super::Sidecar;
use super::sidecar::migrated;

const HOUR: Duration = Duration::from_secs(60 * 60);

#[tokio::test]
async fn old_dumps_go_by_the_dates_in_their_names() {
    let database = migrated().await;
    let sidecar = Sidecar::on(database.url());
    let made_up = |ago: Duration| {
        let name = name(ago);
        fs::write(sidecar.backups().join(&name), "").unwrap();
        name
    };
    let old = [HOUR * 24 * 400, HOUR * 24 * 15, HOUR * (24 * 14 + 1)].map(made_up);
    let mut kept = [HOUR * (24 * 14 - 1), HOUR * 24].map(made_up).to_vec();
    for other in [
        "backup-2020-01-01.dump",
        "notes.txt",
        "other-2020-01-01-0230.dump",
    ] {
        fs::write(sidecar.backups().join(other), "").unwrap();
        kept.push(other.to_owned());
    }
    let made = sidecar.backup();
    kept.push(made.file_name().unwrap().to_str().unwrap().to_owned());
    kept.sort_unstable();
    assert_eq!(sidecar.names(), kept);
    assert!(old.iter().all(|name| !kept.contains(name)));
}

#[tokio::test]
async fn days_are_set_and_checked() {
    let database = migrated().await;
    let sidecar = Sidecar::on(database.url()).with("BACKUP_DAYS", "2");
    for days in [1, 3] {
        let path = sidecar.backups().join(name(HOUR * 24 * days));
        fs::write(path, "").unwrap();
    }
    sidecar.backup();
    assert_eq!(sidecar.names().len(), 2, "{:?}", sidecar.names());
    for wrong in ["0", "-1", "two", "1.5"] {
        let sidecar = Sidecar::on(database.url()).with("BACKUP_DAYS", wrong);
        sidecar.fails("backup", &[], "BACKUP_DAYS must be a whole number");
    }
}

#[test]
fn the_sidecar_is_well_while_its_newest_dump_is_young() {
    let sidecar = Sidecar::on("postgres://nowhere/none");
    sidecar.fails("healthcheck", &[], "no dump is younger than 26 hours");
    let dump = |ago| fs::write(sidecar.backups().join(name(ago)), "").unwrap();
    dump(HOUR * 27);
    sidecar.fails("healthcheck", &[], "no dump is younger");
    let future = "backup-2199-01-01-0230.dump";
    fs::write(sidecar.backups().join(future), "").unwrap();
    sidecar.fails("healthcheck", &[], "no dump is younger");
    let weekly = sidecar.with("BACKUP_MAX_AGE_HOURS", "170");
    weekly.run("healthcheck", &[]).succeeded();
}

#[test]
fn yesterdays_dump_is_young() {
    let sidecar = Sidecar::on("postgres://nowhere/none");
    fs::write(sidecar.backups().join(name(HOUR * 25)), "").unwrap();
    sidecar.run("healthcheck", &[]).succeeded();
}

/// The name of a dump that was made so long ago, in UTC.
fn name(ago: Duration) -> String {
    let made: DateTime<Utc> = Timestamp::now().minus(ago).into();
    made.format("backup-%Y-%m-%d-%H%M.dump").to_string()
}
