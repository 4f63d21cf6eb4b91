//! Path, query and header parameters.

use std::collections::HashSet;
use std::marker::PhantomData;
use std::str::FromStr;

use percent_encoding::percent_decode_str;
use poem::{FromRequest, Request, RequestBody};
use poem_openapi::registry::{MetaParamIn, MetaSchemaRef, Registry};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};

use super::{Faults, Pointer};
use crate::api::problem::Problem;
use crate::clock::Timestamp;
use crate::error::Violation;

/// What the document says of one parameter. Implemented by uninhabited types in `generated`.
pub trait Parameter: Send + 'static {
    /// The name as it travels.
    const NAME: &'static str;
    /// Whether a request without it is invalid.
    const REQUIRED: bool;
    /// What it holds.
    type Value: FromText + Send;

    /// The schema that the service reports.
    fn schema() -> MetaSchemaRef;

    /// Registers the components that the schema names.
    fn register(_registry: &mut Registry) {}

    /// Adds a violation for each constraint that `value` breaks.
    fn check(_value: &Self::Value, _at: &mut Pointer, _violations: &mut Vec<Violation>) {}
}

/// A text that is none of an enum's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UnknownValue(pub &'static str);

/// A value that is read from a parameter's text.
pub trait FromText: Sized {
    /// Reads `text`.
    ///
    /// # Errors
    /// What the text must be, as a sentence without its subject.
    fn from_text(text: String) -> Result<Self, String>;
}

impl FromText for String {
    fn from_text(text: String) -> Result<Self, String> {
        Ok(text)
    }
}

/// Reads with `FromStr`, and says `expected` of a text that cannot be read.
fn parsed<T: FromStr>(text: &str, expected: &str) -> Result<T, String> {
    text.parse().map_err(|_| expected.to_owned())
}

impl FromText for i32 {
    fn from_text(text: String) -> Result<Self, String> {
        parsed(&text, "must be a whole number of at most 32 bits")
    }
}

impl FromText for i64 {
    fn from_text(text: String) -> Result<Self, String> {
        parsed(&text, "must be a whole number of at most 64 bits")
    }
}

impl FromText for f64 {
    fn from_text(text: String) -> Result<Self, String> {
        parsed(&text, "must be a number")
    }
}

impl FromText for bool {
    fn from_text(text: String) -> Result<Self, String> {
        parsed(&text, "must be true or false")
    }
}

impl FromText for uuid::Uuid {
    fn from_text(text: String) -> Result<Self, String> {
        parsed(&text, "must be a UUID")
    }
}

impl FromText for Timestamp {
    fn from_text(text: String) -> Result<Self, String> {
        parsed(
            &text,
            "must be a time like 2026-01-31T12:00:00Z (RFC 3339; send + as %2B)",
        )
    }
}

/// The text of a parameter, if the request has it, or why it cannot be read.
type Raw = Result<Option<String>, String>;

fn read<P: Parameter>(raw: Raw, faults: &mut Faults) -> Option<P::Value> {
    let value = raw.and_then(|text| text.map(P::Value::from_text).transpose());
    match value {
        Ok(None) => None,
        Ok(Some(value)) => {
            P::check(&value, &mut Pointer::root(P::NAME), faults.list());
            Some(value)
        }
        Err(detail) => {
            faults.push(Violation::new(P::NAME, detail));
            None
        }
    }
}

fn read_required<P: Parameter>(raw: Raw, faults: &mut Faults) -> Option<P::Value> {
    if let Ok(None) = raw {
        faults.push(Violation::new(P::NAME, "is required"));
    }
    read::<P>(raw, faults)
}

macro_rules! extractor {
    ($(#[$doc:meta])* $name:ident<P $(, const $index:ident: $ty:ty)?>, $place:expr, $find:expr) => {
        $(#[$doc])*
        pub struct $name<P $(, const $index: $ty)?>(Raw, PhantomData<fn() -> P>);

        impl<P: Parameter $(, const $index: $ty)?> $name<P $(, $index)?> {
            /// The value, if the request has one that can be read. What breaks a constraint is
            /// among the faults.
            pub fn optional(self, faults: &mut Faults) -> Option<P::Value> {
                read::<P>(self.0, faults)
            }

            /// The value; without one the faults say that it is required.
            pub fn required(self, faults: &mut Faults) -> Option<P::Value> {
                read_required::<P>(self.0, faults)
            }

            /// The value, before anything else of the request is read.
            ///
            /// # Errors
            /// A 400 that names this parameter alone.
            pub fn now(self) -> Result<P::Value, Problem> {
                let mut faults = Faults::default();
                match self.required(&mut faults) {
                    Some(value) => faults.finish().map(|()| value),
                    None => Err(faults.reject()),
                }
            }
        }

        impl<'a, P: Parameter $(, const $index: $ty)?> ApiExtractor<'a> for $name<P $(, $index)?> {
            const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::Parameter];
            const PARAM_IS_REQUIRED: bool = P::REQUIRED;
            type ParamType = P::Value;
            type ParamRawType = P::Value;

            fn register(registry: &mut Registry) {
                P::register(registry);
            }

            fn param_in() -> Option<MetaParamIn> {
                Some($place)
            }

            fn param_schema_ref() -> Option<MetaSchemaRef> {
                Some(P::schema())
            }

            /// Only finds the text: faults are collected later, so this never fails.
            async fn from_request(
                request: &'a Request,
                _body: &mut RequestBody,
                _options: ExtractParamOptions<P::Value>,
            ) -> poem::Result<Self> {
                let find: fn(&Request) -> Raw = $find;
                Ok(Self(find(request), PhantomData))
            }
        }
    };
}

extractor! {
    /// The path parameter `P`, which is the one at `INDEX` in the template.
    Path<P, const INDEX: usize>,
    MetaParamIn::Path,
    |request| Ok(request.raw_path_param(&format!("param{INDEX}")).map(str::to_owned))
}

extractor! {
    /// The query parameter `P`.
    Query<P>,
    MetaParamIn::Query,
    |request| only_value(query_values(request, P::NAME))
}

extractor! {
    /// The header `P`.
    Header<P>,
    MetaParamIn::Header,
    |request| header_value(request, P::NAME)
}

/// Every `name=value` of the query string, still encoded.
fn pairs(query: &str) -> impl Iterator<Item = (&str, &str)> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}

/// Decodes application/x-www-form-urlencoded; `None` when the bytes are not UTF-8.
fn decode(text: &str) -> Option<String> {
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced)
        .decode_utf8()
        .ok()
        .map(std::borrow::Cow::into_owned)
}

fn query_values(request: &Request, name: &str) -> Vec<Option<String>> {
    let query = request.uri().query().unwrap_or_default();
    let of_name = pairs(query).filter(|(key, _)| decode(key).is_some_and(|key| key == name));
    of_name.map(|(_, value)| decode(value)).collect()
}

fn only_value(mut values: Vec<Option<String>>) -> Raw {
    match (values.pop(), values.is_empty()) {
        (None, _) => Ok(None),
        (Some(_), false) => Err("is given more than once".to_owned()),
        (Some(Some(text)), true) => Ok(Some(text)),
        (Some(None), true) => Err("must be UTF-8, percent-encoded".to_owned()),
    }
}

/// A list header may come in several lines, which mean the same as one with commas (RFC 9110, 5.3).
fn header_value(request: &Request, name: &str) -> Raw {
    let mut whole: Option<String> = None;
    for value in request.headers().get_all(name) {
        let Ok(text) = value.to_str() else {
            return Err("must be printable ASCII".to_owned());
        };
        whole = Some(whole.map_or_else(|| text.to_owned(), |before| format!("{before}, {text}")));
    }
    Ok(whole)
}

/// The names in the query string, so that unknown ones are refused and not ignored.
pub struct QueryNames(Vec<String>);

impl QueryNames {
    /// Adds a fault for each name that is not among `known`.
    pub fn only(self, known: &[&str], faults: &mut Faults) {
        let mut seen = HashSet::new();
        for name in self.0 {
            if !known.contains(&name.as_str()) && seen.insert(name.clone()) {
                let detail = match known {
                    [] => "is unknown; this operation has no query parameters".to_owned(),
                    known => format!("is unknown; the query parameters are {}", known.join(", ")),
                };
                faults.push(Violation::new(name, detail));
            }
        }
    }
}

impl<'a> FromRequest<'a> for QueryNames {
    async fn from_request(request: &'a Request, _body: &mut RequestBody) -> poem::Result<Self> {
        let query = request.uri().query().unwrap_or_default();
        let names = pairs(query).map(|(name, _)| decode(name).unwrap_or_else(|| name.to_owned()));
        Ok(Self(names.collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::generated::parameters::{
        CreatedAfter, Filter, IfMatchHeader, ListObjectsLimit as Limit, Order,
    };
    use crate::api::generated::types;

    fn request(query: &str) -> Request {
        Request::builder()
            .uri_str(format!("/v1/x?{query}"))
            .finish()
    }

    /// The value of `P` in this query string, or what is wrong with it.
    fn value<P: Parameter>(query: &str) -> Result<Option<P::Value>, String> {
        let mut faults = Faults::default();
        let raw = only_value(query_values(&request(query), P::NAME));
        let value = read::<P>(raw, &mut faults);
        match faults.list().pop() {
            None => Ok(value),
            Some(violation) => {
                assert_eq!(violation.pointer, P::NAME);
                Err(violation.detail)
            }
        }
    }

    #[test]
    fn absent_is_not_default() {
        assert_eq!(value::<Limit>(""), Ok(None));
        assert_eq!(value::<Limit>("limit=7"), Ok(Some(7)));
        assert_eq!(value::<Order>("order=asc"), Ok(Some(types::Order::Asc)));
    }

    #[test]
    fn faults_are_sentences() {
        let cases = [
            (
                value::<Limit>("limit=0").unwrap_err(),
                "must be at least 1, but is 0",
            ),
            (
                value::<Limit>("limit=").unwrap_err(),
                "must be a whole number of at most 32 bits",
            ),
            (
                value::<Limit>("limit=1&limit=2").unwrap_err(),
                "is given more than once",
            ),
            (
                value::<Order>("order=up").map(|_| ()).unwrap_err(),
                "must be one of asc, desc",
            ),
            (
                value::<Filter>("filter=%ff").unwrap_err(),
                "must be UTF-8, percent-encoded",
            ),
        ];
        for (found, expected) in cases {
            assert_eq!(found, expected);
        }
        assert!(value::<CreatedAfter>("created_after=yesterday").is_err());
    }

    #[test]
    fn queries_are_decoded_as_forms() {
        let found = value::<Filter>("x=1&filter=%7B%22a%22%3A+%22%C3%A9%2B%22%7D");
        assert_eq!(found, Ok(Some("{\"a\": \"é+\"}".to_owned())));
        assert_eq!(value::<Limit>("&&li%6Dit=7&"), Ok(Some(7)));
    }

    #[test]
    fn a_header_is_whole_and_ascii() {
        let with = |values: &[&[u8]]| {
            let mut request = request("");
            for value in values {
                let value = poem::http::HeaderValue::from_bytes(value).unwrap();
                request.headers_mut().append("if-match", value);
            }
            header_value(&request, IfMatchHeader::NAME)
        };
        assert_eq!(with(&[]), Ok(None));
        assert_eq!(
            with(&[b"\"1\"", b"\"2\""]),
            Ok(Some("\"1\", \"2\"".to_owned()))
        );
        assert_eq!(
            with(&[b"\"\xff\""]),
            Err("must be printable ASCII".to_owned())
        );
    }

    #[tokio::test]
    async fn unknown_names_are_refused_once_each() {
        let request = request("limit=1&lmit=2&lmit=3&%zz");
        let mut body = RequestBody::default();
        let names = <QueryNames as FromRequest>::from_request(&request, &mut body);
        let names = names.await.unwrap();
        let mut faults = Faults::default();
        names.only(&["limit", "order"], &mut faults);
        let detail = "is unknown; the query parameters are limit, order";
        let expected = [
            Violation::new("lmit", detail),
            Violation::new("%zz", detail),
        ];
        assert_eq!(*faults.list(), expected);
    }

    #[test]
    fn what_is_required_and_absent_is_a_fault() {
        let mut faults = Faults::default();
        assert_eq!(read_required::<Limit>(Ok(None), &mut faults), None);
        assert_eq!(*faults.list(), [Violation::new("limit", "is required")]);
    }
}
