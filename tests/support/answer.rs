//! Answers that were held against the contract, and what tests ask of them.

use std::fmt::{self, Display};
use std::ops::Index;

use reqwest::header::{HeaderMap, HeaderValue};
use serde_json::Value;

use super::conformance;

/// An answer that keeps to the contract.
#[derive(Clone, Debug)]
pub struct Answer {
    method: String,
    path: String,
    status: u16,
    headers: HeaderMap,
    bytes: Vec<u8>,
    text: String,
    json: Value,
}

impl Answer {
    /// What came for `method` and `path`.
    pub fn new(method: &str, path: &str, status: u16, headers: HeaderMap, bytes: Vec<u8>) -> Self {
        // Only the contents of files are not always UTF-8.
        let text = String::from_utf8_lossy(&bytes).into_owned();
        // serde_json reads an object with such a member as a number, and the number would be wrong.
        let readable = text.replace("$serde_json::private::", "$serde_json-private-");
        let json = serde_json::from_str(&readable).unwrap_or(Value::Null);
        Self {
            method: method.to_owned(),
            path: path.to_owned(),
            status,
            headers,
            bytes,
            text,
            json,
        }
    }

    /// The same answer, if it keeps to the contract.
    pub fn checked(self) -> Self {
        let faults = conformance::faults(&self);
        assert!(
            faults.is_empty(),
            "the answer breaks the contract:\n  {}\n{self}",
            faults.join("\n  ")
        );
        self
    }

    pub fn method(&self) -> &str {
        &self.method
    }

    /// The path that was asked for, without its query.
    pub fn path(&self) -> &str {
        &self.path
    }

    pub fn status(&self) -> u16 {
        self.status
    }

    /// The body as it came.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The body, whatever it is.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The body; `null` when it is not JSON.
    pub fn json(&self) -> &Value {
        &self.json
    }

    /// The header `name`, all its lines together.
    pub fn header(&self, name: &str) -> Option<String> {
        let lines: Vec<_> = self
            .headers
            .get_all(name)
            .iter()
            .map(|value| value.to_str().unwrap())
            .collect();
        (!lines.is_empty()).then(|| lines.join(", "))
    }

    /// Every header, by name.
    pub fn headers(&self) -> Vec<(String, String)> {
        let text = |value: &HeaderValue| value.to_str().unwrap().to_owned();
        let mut headers: Vec<_> = self
            .headers
            .iter()
            .map(|(name, value)| (name.to_string(), text(value)))
            .collect();
        headers.sort_unstable();
        headers
    }

    /// The answer, which must have this status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "another status was expected\n{self}");
        self
    }

    /// The answer, which must be a problem of this kind.
    #[track_caller]
    pub fn problem(self, code: &str) -> Self {
        assert_eq!(
            self.json["code"], code,
            "another problem was expected\n{self}"
        );
        self
    }

    /// The answer, which must be a 400 that names `pointer`.
    #[track_caller]
    pub fn refuses(self, pointer: &str) -> Self {
        let answer = self.expect(400);
        assert!(answer.names(pointer), "`{pointer}` is not named\n{answer}");
        answer
    }

    /// The answer, which must be a 400 that names a place at or under `prefix`.
    #[track_caller]
    pub fn refuses_under(self, prefix: &str) -> Self {
        let answer = self.expect(400);
        let pointer = answer["errors"][0]["pointer"].as_str().unwrap_or_default();
        assert!(
            pointer.starts_with(prefix),
            "nothing under `{prefix}` is named\n{answer}"
        );
        answer
    }

    /// Whether the problem names `pointer` among its errors.
    pub fn names(&self, pointer: &str) -> bool {
        let errors = self.json["errors"].as_array();
        errors.is_some_and(|errors| errors.iter().any(|error| error["pointer"] == pointer))
    }

    /// The text of the member `name`.
    #[track_caller]
    pub fn string(&self, name: &str) -> String {
        self[name]
            .as_str()
            .unwrap_or_else(|| panic!("no text `{name}`\n{self}"))
            .to_owned()
    }

    /// The number in the member `name`.
    #[track_caller]
    pub fn number(&self, name: &str) -> i64 {
        self[name]
            .as_i64()
            .unwrap_or_else(|| panic!("no number `{name}`\n{self}"))
    }

    /// The elements of the member `items`.
    #[track_caller]
    pub fn items(&self) -> &[Value] {
        self["items"]
            .as_array()
            .unwrap_or_else(|| panic!("no items\n{self}"))
    }

    /// Where the `Link` header points for `relation` (RFC 8288), as path and query.
    pub fn link(&self, relation: &str) -> Option<String> {
        let header = self.header("link")?;
        let link = header
            .split(", <")
            .find(|link| link.ends_with(&format!("rel=\"{relation}\"")))?;
        let url = link.trim_start_matches('<').split_once('>').unwrap().0;
        Some(url[url.find("/v1/").expect("links are absolute")..].to_owned())
    }
}

impl Index<&str> for Answer {
    type Output = Value;

    fn index(&self, name: &str) -> &Value {
        &self.json[name]
    }
}

impl Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let start: String = self.text.chars().take(2000).collect();
        write!(
            f,
            "{} {} -> {}\n{:?}\n{start}",
            self.method, self.path, self.status, self.headers
        )
    }
}
