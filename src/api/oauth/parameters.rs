//! The parameters of requests, as RFC 6749 has them: by name, each at most once.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use mime::Mime;
use poem::error::ReadBodyError;
use poem::http::header::CONTENT_TYPE;
use poem::{Body, Request};
use serde_json::{Map, Value};
use url::form_urlencoded;

use super::failure::Failure;
use crate::error::Error;
use crate::service::oauth::Refusal;

/// The largest body: some parameters and a token or two.
const BODY_BYTES: usize = 64 << 10;

/// Parameters by name. One without a value counts as left out, and nobody minds an unknown one
/// (RFC 6749, 3.1 and 3.2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parameters {
    values: BTreeMap<String, String>,
    /// RFC 8707 lets a client name several.
    resources: Vec<String>,
    repeated: Option<String>,
}

impl Parameters {
    /// The parameters in a query or in a form.
    #[must_use]
    pub fn of_form(text: &[u8]) -> Self {
        let mut parameters = Self::default();
        for (name, value) in form_urlencoded::parse(text) {
            parameters.add(name.into_owned(), value.into_owned());
        }
        parameters
    }

    /// The parameters in a JSON object of strings, which some clients send though no RFC says so.
    fn of_json(text: &[u8]) -> Result<Self, Refusal> {
        let object: Map<String, Value> = serde_json::from_slice(text)
            .map_err(|_| Refusal::malformed("The body is not a JSON object."))?;
        let mut parameters = Self::default();
        for (name, value) in object {
            match value {
                Value::Null => {}
                Value::String(value) => parameters.add(name, value),
                _ => return Err(Refusal::malformed("The members of the body are strings.")),
            }
        }
        Ok(parameters)
    }

    fn add(&mut self, name: String, value: String) {
        if value.is_empty() {
            return;
        }
        if name == "resource" {
            self.resources.push(value);
            return;
        }
        match self.values.entry(name) {
            Entry::Vacant(place) => {
                place.insert(value);
            }
            Entry::Occupied(place) => {
                self.repeated.get_or_insert_with(|| place.key().clone());
            }
        }
    }

    /// The parameters in the body of `request`, and the request without it.
    ///
    /// # Errors
    /// `invalid_request` when the body is neither a form nor a JSON object of strings, when it has a
    /// parameter twice, or when there are parameters in the query, where logs would keep a secret.
    pub async fn of_body(mut request: Request) -> Result<(Request, Self), Failure> {
        let body = request.take_body();
        if request.uri().query().is_some_and(|query| !query.is_empty()) {
            return Err(
                Refusal::malformed("Send the parameters in the body, not in the URL.").into(),
            );
        }
        let parameters = match essence(&request).as_deref() {
            Some("application/x-www-form-urlencoded") => Self::of_form(&read(body).await?),
            Some("application/json") => Self::of_json(&read(body).await?)?,
            _ => {
                let wanted = "Send the parameters as application/x-www-form-urlencoded.";
                return Err(Refusal::malformed(wanted).into());
            }
        };
        parameters.check_repeated()?;
        Ok((request, parameters))
    }

    /// The parameter `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// The parameter `name`, for who keeps it.
    #[must_use]
    pub fn owned(&self, name: &str) -> Option<String> {
        self.values.get(name).cloned()
    }

    /// The parameter `name`, which must be there.
    ///
    /// # Errors
    /// `invalid_request` when it is not.
    pub fn need(&self, name: &str) -> Result<&str, Refusal> {
        self.get(name).ok_or_else(|| Refusal::missing(name))
    }

    /// Each `resource`.
    #[must_use]
    pub fn resources(&self) -> &[String] {
        &self.resources
    }

    /// The first parameter that came twice.
    #[must_use]
    pub fn repeated(&self) -> Option<&str> {
        self.repeated.as_deref()
    }

    /// # Errors
    /// `invalid_request` when a parameter came twice (RFC 6749, 3.1 and 3.2).
    pub fn check_repeated(&self) -> Result<(), Refusal> {
        match &self.repeated {
            None => Ok(()),
            Some(_) => Err(Refusal::malformed("A parameter was sent more than once.")),
        }
    }

    /// The same parameters as a form, to be read again by [`Parameters::of_form`].
    #[must_use]
    pub fn to_form(&self) -> String {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(&self.values);
        for resource in &self.resources {
            form.append_pair("resource", resource);
        }
        form.finish()
    }
}

/// The media type of the body, without its parameters.
fn essence(request: &Request) -> Option<String> {
    let value = request.headers().get(CONTENT_TYPE)?.to_str().ok()?;
    let mime: Mime = value.parse().ok()?;
    Some(mime.essence_str().to_owned())
}

async fn read(body: Body) -> Result<Vec<u8>, Failure> {
    match body.into_bytes_limit(BODY_BYTES).await {
        Ok(bytes) => Ok(bytes.to_vec()),
        Err(ReadBodyError::PayloadTooLarge) => Err(Failure::Problem(
            Error::TooLarge {
                what: "The request body",
                limit: BODY_BYTES,
            }
            .into(),
        )),
        Err(_) => Err(Refusal::malformed("The body stopped before its end.").into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_empty_is_left_out_and_what_is_unknown_is_kept() {
        let read = Parameters::of_form(b"scope=&state=a+b%26c&unknown=1&code");
        assert_eq!(read.get("scope"), None);
        assert_eq!(read.get("code"), None);
        assert_eq!(read.get("state"), Some("a b&c"));
        assert_eq!(read.repeated(), None);
        assert_eq!(Parameters::of_form(read.to_form().as_bytes()), read);
    }

    #[test]
    fn only_a_resource_may_come_twice() {
        let read = Parameters::of_form(b"resource=https://a&resource=https://b");
        assert_eq!(read.resources(), ["https://a", "https://b"]);
        assert!(read.check_repeated().is_ok());
        assert_eq!(Parameters::of_form(read.to_form().as_bytes()), read);
        let twice = Parameters::of_form(b"state=1&state=1");
        assert_eq!(twice.repeated(), Some("state"));
        assert!(twice.check_repeated().is_err());
    }

    #[test]
    fn json_has_strings() {
        let read = Parameters::of_json(br#"{"grant_type":"refresh_token","scope":null,"code":""}"#);
        let read = read.unwrap();
        assert_eq!(read.get("grant_type"), Some("refresh_token"));
        assert_eq!((read.get("scope"), read.get("code")), (None, None));
        for other in [
            &b"[]"[..],
            b"{",
            b"{\"a\":1}",
            b"{\"a\":{\"b\":\"c\"}}",
            b"",
        ] {
            assert!(Parameters::of_json(other).is_err());
        }
    }
}
