//! JSON pointers (RFC 6901) to places in a document.

/// The pointer to the member `key` of what `at` points to.
#[must_use]
pub fn child(at: &str, key: &str) -> String {
    format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"))
}

/// The pointer to the element `index` of what `at` points to.
#[must_use]
pub fn element(at: &str, index: usize) -> String {
    format!("{at}/{index}")
}

/// The last token of `at`, unescaped.
#[must_use]
pub fn last(at: &str) -> String {
    let token = at.rsplit('/').next().unwrap_or_default();
    token.replace("~1", "/").replace("~0", "~")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_escaped() {
        let at = child(&child("", "paths"), "/v1/~me");
        assert_eq!(at, "/paths/~1v1~1~0me");
        assert_eq!(last(&at), "/v1/~me");
    }
}
