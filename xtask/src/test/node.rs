//! What the tests run with Node: packages at the versions of `tests/node/package-lock.json`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};

use crate::programs::{NODE, NPM};
use crate::servers::run;

/// Installs the packages below `target`, unless they are there, and gives their folder.
///
/// # Errors
/// When Node or npm is missing and may not be installed, or a package cannot be had.
pub fn packages(root: &Path, target: &Path) -> Result<PathBuf> {
    NODE.require()?;
    let npm = NPM.require()?;
    let (source, place) = (root.join("tests/node"), target.join("test-node"));
    let lock = fs::read(source.join("package-lock.json"))?;
    let stamp = place.join("installed-from");
    if fs::read(&stamp).is_ok_and(|installed| installed == lock) {
        return Ok(place);
    }
    fs::create_dir_all(&place)?;
    for name in ["package.json", "package-lock.json"] {
        fs::copy(source.join(name), place.join(name))?;
    }
    let mut install = Command::new(npm);
    install
        .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
        .current_dir(&place);
    ensure!(
        run(&mut install)?.success(),
        "`npm ci` failed in {}: the tests need its packages, once",
        place.display()
    );
    fs::write(stamp, lock)?;
    Ok(place)
}
