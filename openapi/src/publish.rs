//! The contract as a deployment serves it: with its own public URL.

use serde_json::Value;

use crate::{LoadError, Plane, load};

/// The server that the hand-written document names; what stands on it moves to the public URL.
const WRITTEN_FOR: &str = "http://localhost:8000";

/// The hand-written text of a document, comments included, with `public_url` (without a slash at its end) as its
/// server, and as the origin of the URLs on that server, such as the OAuth endpoints.
#[must_use]
pub fn yaml_for(plane: Plane, public_url: &str) -> String {
    let mut text = String::with_capacity(plane.yaml().len());
    for line in plane.yaml().split_inclusive('\n') {
        let is_url = line
            .trim_start()
            .trim_start_matches("- ")
            .split_once(": ")
            .is_some_and(|(key, value)| {
                key.to_ascii_lowercase().ends_with("url") && value.starts_with(WRITTEN_FOR)
            });
        if is_url {
            text.push_str(&line.replacen(WRITTEN_FOR, public_url, 1));
        } else {
            text.push_str(line);
        }
    }
    text
}

/// The same as JSON.
///
/// # Errors
///
/// When `public_url` makes the document unreadable.
pub fn json_for(plane: Plane, public_url: &str) -> Result<Value, LoadError> {
    load(&yaml_for(plane, public_url)).map(|document| document.value().clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_urls_change() {
        for plane in Plane::ALL {
            let url = "https://store.example/base";
            let written = load(plane.yaml()).unwrap();
            let mut served = json_for(plane, url).unwrap();
            assert_eq!(served["servers"], serde_json::json!([{"url": url}]));
            served["servers"] = written.value()["servers"].clone();
            let scheme = "/components/securitySchemes";
            *served.pointer_mut(scheme).unwrap() = written.value().pointer(scheme).unwrap().clone();
            assert_eq!(&served, written.value());
            let text = yaml_for(plane, url);
            assert!(!text.contains(WRITTEN_FOR));
            let comments = |text: &str| text.lines().filter(|line| line.starts_with('#')).count();
            assert_eq!(comments(&text), comments(plane.yaml()));
        }
    }
}
