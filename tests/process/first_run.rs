//! What a new user sees: one command, lines to paste, a store that works.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::support::process::{Program, ServerProcess};

/// The lines of the README, with the addresses and the key as they are printed there.
const README_LINES: &str = r#"
# Create a collection
curl -X POST "http://localhost:8000/v1/gpts/my-gpt/collections" \
  -H "Authorization: Bearer YOUR_API_KEY" \
  -H "Content-Type: application/json" \
  -d '{"name": "notes"}'

# Create an object
curl -X POST "http://localhost:8000/v1/gpts/my-gpt/collections/notes/objects" \
  -H "Authorization: Bearer YOUR_API_KEY" \
  -H "Content-Type: application/json" \
  -d '{"body": {"title": "My Note", "content": "Hello World"}}'

# List objects with pagination
curl "http://localhost:8000/v1/gpts/my-gpt/collections/notes/objects?limit=50" \
  -H "Authorization: Bearer YOUR_API_KEY"
"#;

/// The bar is 200 ms for a release build.
const START_LIMIT: Duration = Duration::from_secs(2);

#[tokio::test]
async fn the_first_start_prints_a_key_and_lines_that_work_as_pasted() {
    let mut server = Program::new().serve(&[]).await;
    println!("start to first answer: {:?}", server.start_time());
    assert!(server.start_time() < START_LIMIT);

    let printed = server.stdout();
    assert!(printed.contains("`my-gpt`"), "{printed}");
    let key = key_in(&printed);
    assert_eq!(statuses_of(&pasted_part(&printed)), "201\n201\n200\n");

    server.terminate(Duration::from_secs(5)).await;
    server.restart().await;
    assert_eq!(server.stdout(), printed, "the second start printed more");

    assert_eq!(statuses_of(&readme_lines(&server, &key)), "200\n201\n200\n");
    assert_nowhere(&key, server.program().folder());
    assert!(!server.stderr().contains(&key));
}

#[tokio::test]
async fn the_first_start_prints_one_json_object_when_asked() {
    let server = Program::new().serve(&["--json"]).await;
    let printed: serde_json::Value = serde_json::from_str(&server.stdout()).unwrap();
    assert_eq!(printed["gpt_id"], "my-gpt");
    assert!(printed["id"].is_string());
    assert!(printed["key"].as_str().unwrap().starts_with("gos_"));
}

/// The one key that `text` shows.
fn key_in(text: &str) -> String {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let words = text.split(|letter| !is_part(letter));
    let mut keys: Vec<_> = words.filter(|word| word.starts_with("gos_")).collect();
    keys.dedup();
    assert_eq!(keys.len(), 1, "{text}");
    keys[0].to_owned()
}

/// What a user takes into the clipboard.
fn pasted_part(printed: &str) -> String {
    let (_, rest) = printed
        .split_once("Paste these into another terminal:\n")
        .unwrap();
    rest.split_once("For a GPT,").unwrap().0.to_owned()
}

fn readme_lines(server: &ServerProcess, key: &str) -> String {
    let address = format!("http://localhost:{}", server.port());
    README_LINES
        .replace("http://localhost:8000", &address)
        .replace("YOUR_API_KEY", key)
}

/// Runs `lines` in a shell as they are, and returns the status of each answer on a line.
fn statuses_of(lines: &str) -> String {
    let quiet = r#"curl() { command curl -q --silent --show-error --noproxy '*' \
        --output /dev/null --write-out '%{http_code}\n' "$@"; }"#;
    let script = format!("set -eu\n{quiet}\n{lines}");
    let output = Command::new("bash").args(["-c", &script]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{lines}");
    String::from_utf8(output.stdout).unwrap()
}

/// No file that the server keeps or writes has the key, but its first greeting.
fn assert_nowhere(key: &str, folder: &Path) {
    let mut files = 0;
    for entry in fs::read_dir(folder.join("data")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            // There is no file yet whose bytes could lie there.
            continue;
        }
        let bytes = fs::read(&path).unwrap();
        let found = bytes.windows(key.len()).any(|part| part == key.as_bytes());
        assert!(!found, "{} has the key in clear", path.display());
        files += 1;
    }
    assert!(files > 0, "there is no database in the data directory");
}
