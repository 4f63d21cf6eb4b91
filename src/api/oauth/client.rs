//! How a client shows who it is (RFC 6749, 2.3).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use poem::Request;
use poem::http::header::AUTHORIZATION;

use super::parameters::Parameters;
use crate::service::oauth::{Refusal, RefusalCode};

/// Who a client says it is, and its proof; a public client has none. The methods
/// `client_secret_basic`, `client_secret_post` and `none` of RFC 8414.
#[derive(PartialEq, Eq)]
pub struct Presented {
    /// The client id.
    pub client_id: String,
    /// The secret in clear.
    pub secret: Option<String>,
}

impl Presented {
    /// What `request` and its parameters say.
    ///
    /// # Errors
    /// `invalid_request` when a client shows itself in two ways; `invalid_client` when it does not
    /// say who it is.
    pub fn of(request: &Request, parameters: &Parameters) -> Result<Self, Refusal> {
        let named = parameters.get("client_id");
        let posted = parameters.owned("client_secret");
        let Some(header) = request.headers().get(AUTHORIZATION) else {
            return Ok(Self {
                client_id: named.ok_or_else(nobody)?.to_owned(),
                secret: posted,
            });
        };
        let basic = header.to_str().ok().and_then(basic).ok_or_else(nobody)?;
        if posted.is_some() {
            return Err(Refusal::malformed(
                "Send the secret in the Authorization header or in the body, not in both.",
            ));
        }
        if named.is_some_and(|named| named != basic.client_id) {
            return Err(Refusal::malformed(
                "The client_id in the body is not the one in the Authorization header.",
            ));
        }
        Ok(basic)
    }
}

fn nobody() -> Refusal {
    Refusal::new(
        RefusalCode::InvalidClient,
        "Send client_id, and client_secret unless the client is public, in the body or with Basic.",
    )
}

/// Reads `Basic base64(form-encoded id ":" form-encoded secret)`. Ids and secrets of ours look the
/// same with and without that encoding, which many clients forget.
fn basic(value: &str) -> Option<Presented> {
    let (scheme, text) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(text.trim()).ok()?).ok()?;
    let (client_id, secret) = text.split_once(':')?;
    let decoded = |text| percent_decode_str(text).decode_utf8().ok();
    let secret = decoded(secret)?.into_owned();
    Some(Presented {
        client_id: decoded(client_id)?.into_owned(),
        secret: (!secret.is_empty()).then_some(secret),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn presented(authorization: Option<&str>, form: &str) -> Result<Presented, RefusalCode> {
        let mut request = Request::builder();
        if let Some(authorization) = authorization {
            request = request.header("authorization", authorization);
        }
        let parameters = Parameters::of_form(form.as_bytes());
        Presented::of(&request.finish(), &parameters).map_err(|refusal| refusal.code)
    }

    fn is(presented: Result<Presented, RefusalCode>, id: &str, secret: Option<&str>) -> bool {
        presented.is_ok_and(|shown| shown.client_id == id && shown.secret.as_deref() == secret)
    }

    #[test]
    fn shows_itself_in_one_way() {
        let basic = format!("Basic {}", STANDARD.encode("app_1:gcs%5F2"));
        assert!(is(presented(Some(&basic), ""), "app_1", Some("gcs_2")));
        assert!(is(
            presented(Some(&basic), "client_id=app_1"),
            "app_1",
            Some("gcs_2")
        ));
        assert!(is(
            presented(None, "client_id=app_1&client_secret=gcs_2"),
            "app_1",
            Some("gcs_2")
        ));
        assert!(is(presented(None, "client_id=app_1"), "app_1", None));
        let nameless = format!("basic {}", STANDARD.encode("app_1:"));
        assert!(is(presented(Some(&nameless), ""), "app_1", None));
        for form in ["client_secret=gcs_2", "client_id=app_2"] {
            assert!(
                presented(Some(&basic), form) == Err(RefusalCode::InvalidRequest),
                "{form}"
            );
        }
    }

    #[test]
    fn whoever_says_nothing_is_nobody() {
        for header in [
            None,
            Some("Basic"),
            Some("Basic !"),
            Some("Bearer gos_1"),
            Some("Basic YQ=="),
        ] {
            assert!(presented(header, "client_secret=x") == Err(RefusalCode::InvalidClient));
        }
    }
}
