//! `cargo xtask tidy`: the rules of the house that the compiler does not know, checked on the
//! words of every hand-written source file.

mod layers;
mod words;

use std::fmt;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use self::words::{Word, without_tests, words};

/// Longest hand-written source file, in lines.
const MAX_LINES: usize = 400;

/// Hand-written files that may be longer, each with its reason.
const LONG_FILES: &[(&str, &str)] = &[];

/// File and module names that say nothing about what is inside.
const EMPTY_NAMES: &[&str] = &[
    "common", "helper", "helpers", "manager", "misc", "util", "utils",
];

/// Words with an exclamation mark that may not stay in the code.
const UNFINISHED: &[&str] = &["dbg", "todo", "unimplemented"];

/// A place that breaks a rule, and what to do about it.
#[derive(Debug, PartialEq, Eq)]
pub struct Finding {
    path: String,
    /// 0 stands for the whole file.
    line: usize,
    sentence: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.path, self.sentence),
            line => write!(f, "{}:{line}: {}", self.path, self.sentence),
        }
    }
}

/// Checks every hand-written source file below `root`, and prints each finding.
///
/// # Errors
/// When there is a finding, or a file cannot be read.
pub fn run(root: &Path) -> Result<()> {
    let mut findings = layers::manifest_findings(root)?;
    let files = source_files(root)?;
    for path in &files {
        let text = fs::read_to_string(root.join(path))?;
        if !is_generated(path, &text) {
            findings.extend(check(path, &text)?);
        }
    }
    findings.extend(stale_exemptions(&files));
    for finding in &findings {
        eprintln!("{finding}");
    }
    match findings.len() {
        0 => Ok(()),
        1 => bail!("1 place breaks a rule of the house; the line above says what to do"),
        count => bail!("{count} places break rules of the house; the lines above say what to do"),
    }
}

/// All findings in one file; `path` is relative to the workspace, with `/` between names.
fn check(path: &str, text: &str) -> Result<Vec<Finding>> {
    let words = words(text).with_context(|| format!("{path} is not Rust"))?;
    let production = without_tests(&words);
    let mut findings = file_findings(path, text);
    findings.extend(word_findings(path, &words));
    findings.extend(layers::findings(path, &words, &production));
    Ok(findings)
}

fn file_findings(path: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let lines = text.lines().count();
    if lines > MAX_LINES && !LONG_FILES.iter().any(|(long, _)| *long == path) {
        findings.push(Finding::file(path, format!(
            "has {lines} lines, over {MAX_LINES}: split it by responsibility, or name it with a reason in LONG_FILES of xtask/src/tidy.rs"
        )));
    }
    let names = path.trim_end_matches(".rs").split('/');
    for name in names.filter(|name| EMPTY_NAMES.contains(name)) {
        findings.push(Finding::file(
            path,
            format!("`{name}` does not say what is inside: name the module after what it is about"),
        ));
    }
    findings
}

fn word_findings(path: &str, words: &[Word]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, word) in words.iter().enumerate() {
        let rest = &words[index..];
        if starts(rest, &["#", "[", "allow"]) || starts(rest, &["#", "!", "[", "allow"]) {
            let sentence = "use `#[expect(lint, reason = \"…\")]` instead of `#[allow]`, so that the exemption says why and goes when it is not needed";
            findings.push(Finding::at(path, word.line, sentence.to_owned()));
        }
        if UNFINISHED.contains(&word.text.as_str()) && starts(&rest[1..], &["!"]) {
            findings.push(Finding::at(
                path,
                word.line,
                format!("`{}!` is unfinished work: finish it", word.text),
            ));
        }
    }
    findings
}

/// Exemptions that no longer exempt anything, since a list that only grows means nothing.
fn stale_exemptions(files: &[String]) -> Vec<Finding> {
    let gone = LONG_FILES
        .iter()
        .filter(|(long, _)| !files.iter().any(|path| path == long));
    gone.map(|(long, _)| {
        Finding::file(
            long,
            "does not exist: take it out of LONG_FILES of xtask/src/tidy.rs".to_owned(),
        )
    })
    .collect()
}

impl Finding {
    fn file(path: &str, sentence: String) -> Self {
        Self::at(path, 0, sentence)
    }

    fn at(path: &str, line: usize, sentence: String) -> Self {
        Self {
            path: path.to_owned(),
            line,
            sentence,
        }
    }
}

/// Whether `words` begin with `expected`.
fn starts(words: &[Word], expected: &[&str]) -> bool {
    words.len() >= expected.len()
        && words
            .iter()
            .zip(expected)
            .all(|(word, text)| word.text == *text)
}

/// Whether a generator wrote the file.
fn is_generated(path: &str, text: &str) -> bool {
    path.contains("/generated/")
        || path.ends_with("/generated.rs")
        || text.starts_with("// Generated by `cargo xtask generate`")
}

/// The Rust files of the workspace, relative to it and sorted.
fn source_files(root: &Path) -> Result<Vec<String>> {
    let mut files = Vec::new();
    let mut folders = vec![String::new()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root.join(&folder))? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = if folder.is_empty() {
                name.clone()
            } else {
                format!("{folder}/{name}")
            };
            let kind = entry.file_type()?;
            if kind.is_dir()
                && !name.starts_with('.')
                && !["target", "data", "bench-results"].contains(&path.as_str())
            {
                folders.push(path);
            } else if kind.is_file() && name.ends_with(".rs") {
                files.push(path);
            }
        }
    }
    files.sort_unstable();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sentences(path: &str, text: &str) -> Vec<String> {
        check(path, text)
            .unwrap()
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn a_long_file_is_found() {
        assert!(sentences("src/a.rs", &"\n".repeat(MAX_LINES)).is_empty());
        let found = sentences("src/a.rs", &"\n".repeat(MAX_LINES + 1));
        assert!(
            found[0].starts_with("src/a.rs: has 401 lines, over 400: split it"),
            "{found:?}"
        );
    }

    #[test]
    fn a_name_that_says_nothing_is_found() {
        assert_eq!(sentences("src/api/utils.rs", "").len(), 1);
        assert_eq!(sentences("tests/helpers/mod.rs", "").len(), 1);
        assert!(sentences("src/utilities_of_mars.rs", "").is_empty());
    }

    #[test]
    fn bare_allow_and_unfinished_code_are_found() {
        let found = sentences(
            "src/a.rs",
            "#![allow(dead_code)]\n\n#[allow(unused)]\nfn f() { todo!() }\n",
        );
        assert!(
            found[0].starts_with("src/a.rs:1: use `#[expect"),
            "{found:?}"
        );
        assert!(
            found[1].starts_with("src/a.rs:3: use `#[expect"),
            "{found:?}"
        );
        assert!(
            found[2].starts_with("src/a.rs:4: `todo!` is unfinished"),
            "{found:?}"
        );
        assert_eq!(found.len(), 3);
    }

    #[test]
    fn words_in_comments_and_texts_are_free() {
        let text = "//! #[allow(x)] todo!()\n/// todo!()\nconst A: &str = \"#[allow(x)] todo!()\"; // todo!()\n";
        assert!(sentences("src/a.rs", text).is_empty());
    }

    #[test]
    fn generated_files_are_known() {
        assert!(is_generated("src/api/generated/types.rs", ""));
        assert!(is_generated("client/src/generated.rs", ""));
        assert!(!is_generated("xtask/src/generate.rs", ""));
    }
}
