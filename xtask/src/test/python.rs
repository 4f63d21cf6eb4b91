//! What the tests run with Python: packages at the versions of `tests/python/requirements.txt`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};

use crate::programs::PYTHON;
use crate::servers::run;

/// Installs the packages into an environment below `target`, unless they are there, and gives its
/// interpreter.
///
/// # Errors
/// When Python is missing and may not be installed, or a package cannot be had.
pub fn interpreter(root: &Path, target: &Path) -> Result<PathBuf> {
    let python = PYTHON.require()?;
    let (list, place) = (
        root.join("tests/python/requirements.txt"),
        target.join("test-python"),
    );
    let (stamp, interpreter) = (place.join("installed-from"), place.join("bin/python"));
    let wanted = fs::read(&list)?;
    if fs::read(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(interpreter);
    }
    let mut create = Command::new(python);
    create.args(["-m", "venv", "--clear"]).arg(&place);
    ensure!(
        run(&mut create)?.success(),
        "`python3 -m venv` failed: install your system's package for it, such as python3-venv"
    );
    let mut install = Command::new(&interpreter);
    install
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ])
        .arg("--requirement")
        .arg(&list);
    ensure!(
        run(&mut install)?.success(),
        "`pip install` failed: the tests need the packages of {}, once",
        list.display()
    );
    fs::write(stamp, wanted)?;
    Ok(interpreter)
}
