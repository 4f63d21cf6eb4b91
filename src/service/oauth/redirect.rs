//! Where authorization responses may go.

/// Whether `requested` is one of `registered`: the same string, character by character (RFC 9700,
/// 4.1.3). Only the port of a loopback address may differ, since a program on somebody's own
/// machine takes whichever is free (RFC 8252, 7.3).
#[must_use]
pub fn is_registered(registered: &[String], requested: &str) -> bool {
    let portless = without_loopback_port(requested);
    registered.iter().any(|uri| {
        uri == requested || (portless.is_some() && without_loopback_port(uri) == portless)
    })
}

/// Host and path of a loopback URI. `localhost` is not one: its name may lead elsewhere.
fn without_loopback_port(uri: &str) -> Option<(&str, &str)> {
    ["http://127.0.0.1", "http://[::1]"]
        .into_iter()
        .find_map(|host| {
            let rest = uri.strip_prefix(host)?;
            let path = match rest.strip_prefix(':') {
                None => rest,
                Some(rest) => {
                    let end = rest.find(|digit: char| !digit.is_ascii_digit());
                    let (port, path) = rest.split_at(end.unwrap_or(rest.len()));
                    port.parse::<u16>().ok()?;
                    path
                }
            };
            // Anything else would make it another host, such as 127.0.0.1.evil.example.
            (path.is_empty() || path.starts_with(['/', '?'])).then_some((host, path))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(registered: &str, requested: &str) -> bool {
        is_registered(&[registered.to_owned()], requested)
    }

    #[test]
    fn near_misses_are_misses() {
        let registered = "https://chatgpt.com/aip/g-0123abcd/oauth/callback";
        assert!(matches(registered, registered));
        for near in [
            "https://chatgpt.com/aip/g-0123abcd/oauth/callback/",
            "https://chatgpt.com/aip/g-0123abcd/oauth/callback?next=x",
            "https://chatgpt.com/aip/g-0123abcd/oauth/callback#x",
            "https://chatgpt.com/aip/g-0123abcd/oauth/callbac",
            "https://chatgpt.com/aip/g-0123abcd/oauth/callback/../other",
            "https://chatgpt.com/aip/g-0123ABCD/oauth/callback",
            "https://chatgpt.com/aip/g-0123abcd/oauth%2Fcallback",
            "https://CHATGPT.com/aip/g-0123abcd/oauth/callback",
            "https://chatgpt.com:443/aip/g-0123abcd/oauth/callback",
            "https://chatgpt.com.evil.example/aip/g-0123abcd/oauth/callback",
            "https://evil.example/https://chatgpt.com/aip/g-0123abcd/oauth/callback",
            "https://user@chatgpt.com/aip/g-0123abcd/oauth/callback",
            "https://chat.openai.com/aip/g-0123abcd/oauth/callback",
            "http://chatgpt.com/aip/g-0123abcd/oauth/callback",
            " https://chatgpt.com/aip/g-0123abcd/oauth/callback",
            "https://chatgpt.com/aip/g-0123abcd/oauth/callback\0",
            "",
        ] {
            assert!(!matches(registered, near), "{near}");
        }
    }

    #[test]
    fn only_the_port_of_a_loopback_address_may_differ() {
        for (registered, requested) in [
            ("http://127.0.0.1/back", "http://127.0.0.1:51004/back"),
            ("http://127.0.0.1:8080/back", "http://127.0.0.1:51004/back"),
            ("http://127.0.0.1:8080/back", "http://127.0.0.1/back"),
            ("http://[::1]/back?a=b", "http://[::1]:1/back?a=b"),
            ("http://127.0.0.1", "http://127.0.0.1:51004"),
        ] {
            assert!(matches(registered, requested), "{requested}");
        }
        for (registered, requested) in [
            ("http://127.0.0.1/back", "http://127.0.0.1:51004/other"),
            ("http://127.0.0.1/back", "http://[::1]:51004/back"),
            ("http://127.0.0.1/back", "https://127.0.0.1:51004/back"),
            (
                "http://127.0.0.1/back",
                "http://127.0.0.1:51004@evil.example/back",
            ),
            (
                "http://127.0.0.1/back",
                "http://127.0.0.1.evil.example/back",
            ),
            ("http://127.0.0.1/back", "http://127.0.0.1:65536/back"),
            ("http://127.0.0.1/back", "http://127.0.0.1:/back"),
            ("http://127.0.0.1/back", "http://127.0.0.2:51004/back"),
            ("http://localhost/back", "http://localhost:51004/back"),
            ("https://127.0.0.1/back", "https://127.0.0.1:51004/back"),
        ] {
            assert!(!matches(registered, requested), "{requested}");
        }
    }
}
