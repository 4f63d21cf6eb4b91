//! GPTs with keys that wait for tests to take them.
//!
//! A connection to PostgreSQL costs more than most tests do. So the first test to come makes many
//! GPTs, and leaves those that it does not need in a file for the others.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::PathBuf;

use tokio::sync::Mutex;

/// Within one process the file is locked once at a time.
static TAKING: Mutex<()> = Mutex::const_new(());

/// The file of one server.
pub struct Waiting(PathBuf);

impl Waiting {
    /// Those of the server that `variable` describes.
    pub fn of(variable: &str) -> Self {
        let folder = std::env::var("TEST_FOLDER").expect("run the tests with `cargo xtask test`");
        Self(PathBuf::from(folder).join(format!("{variable}.gpts")))
    }

    /// Takes a GPT and its key; `make` makes new ones when nobody waits.
    pub async fn take(
        &self,
        make: impl AsyncFnOnce() -> Vec<(String, String)>,
    ) -> (String, String) {
        let _alone = TAKING.lock().await;
        let mut file = File::options()
            .create(true)
            .read(true)
            .write(true)
            .truncate(false)
            .open(&self.0)
            .unwrap();
        file.lock().unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        if text.is_empty() {
            let made = make().await;
            let lines = made.iter().map(|(id, key)| format!("{id} {key}\n"));
            text = lines.collect();
        }
        let rest = text.trim_end().rfind('\n').map_or(0, |end| end + 1);
        let (id, key) = text[rest..].trim_end().split_once(' ').unwrap();
        file.set_len(rest as u64).unwrap();
        file.seek(SeekFrom::Start(0)).unwrap();
        file.write_all(&text.as_bytes()[..rest]).unwrap();
        (id.to_owned(), key.to_owned())
    }
}
