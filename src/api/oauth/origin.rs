//! Where an answer goes, as a policy and as a person reads it.

use url::{Host, Url};

/// The origin of `uri` as a source of a Content Security Policy. CSP has no way to write an IPv6
/// address, so such a one allows its scheme.
#[must_use]
pub fn source(uri: &str) -> Option<String> {
    let url = Url::parse(uri).ok()?;
    Some(match url.host()? {
        Host::Ipv6(_) => format!("{}:", url.scheme()),
        _ => url.origin().ascii_serialization(),
    })
}

/// The origin of `uri` as a browser sends it.
#[must_use]
pub fn of(uri: &str) -> Option<String> {
    Some(Url::parse(uri).ok()?.origin().ascii_serialization())
}

/// The host of `uri`, with its port if that is not the usual one; in ASCII, so that no letter looks
/// like another.
#[must_use]
pub fn host(uri: &str) -> Option<String> {
    let url = Url::parse(uri).ok()?;
    let host = url.host_str()?;
    Some(match url.port() {
        None => host.to_owned(),
        Some(port) => format!("{host}:{port}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_can_name_it() {
        for (uri, expected) in [
            (
                "https://chatgpt.com/aip/g-1/oauth/callback",
                "https://chatgpt.com",
            ),
            ("https://a.example:8443/?b=c", "https://a.example:8443"),
            ("http://127.0.0.1:51004/back", "http://127.0.0.1:51004"),
            ("http://[::1]:51004/back", "http:"),
        ] {
            assert_eq!(source(uri).as_deref(), Some(expected));
        }
        assert_eq!(source("nothing"), None);
    }

    #[test]
    fn a_person_can_read_it() {
        assert_eq!(
            host("https://chatgpt.com/aip").as_deref(),
            Some("chatgpt.com")
        );
        assert_eq!(
            host("http://[::1]:51004/back").as_deref(),
            Some("[::1]:51004")
        );
        assert_eq!(
            host("https://chatgpt.com@evil.example/").as_deref(),
            Some("evil.example")
        );
        assert_eq!(
            host("https://аpple.example/").as_deref(),
            Some("xn--pple-43d.example")
        );
    }
}
