//! Request bodies: read once, from bytes to the typed value, without a `serde_json::Value`.

use std::marker::PhantomData;

use mime::Mime;
use poem::error::ReadBodyError;
use poem::http::header::CONTENT_TYPE;
use poem::{Body, Request, RequestBody};
use poem_openapi::registry::{MetaMediaType, MetaRequest, Registry};
use poem_openapi::types::Type;
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use serde::de::DeserializeOwned;
use serde_json::error::Category;

use super::{Faults, Pointer, Rejection, Validate};
use crate::api::problem::Problem;
use crate::error::Violation;

/// The largest request body, in bytes. Add one to the routes with poem's `data`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodyLimit(pub usize);

impl Default for BodyLimit {
    /// 2 MiB: a document of 1 MiB with what is around it.
    fn default() -> Self {
        Self(2 * 1024 * 1024)
    }
}

const JSON: &[&str] = &["application/json"];
const MERGE_PATCH: &[&str] = &["application/json", "application/merge-patch+json"];

/// A body that has arrived with its headers, but has not been read.
struct Unread {
    content_type: Option<String>,
    content_length: Option<usize>,
    limit: BodyLimit,
    body: poem::Result<Body>,
}

impl Unread {
    fn of(request: &Request, body: &mut RequestBody) -> Self {
        let header = |name| {
            request
                .headers()
                .get(name)
                .and_then(|value| value.to_str().ok())
        };
        Self {
            content_type: header(CONTENT_TYPE.as_str()).map(str::to_owned),
            content_length: header("content-length").and_then(|text| text.parse().ok()),
            limit: request.data::<BodyLimit>().copied().unwrap_or_default(),
            body: body.take().map_err(poem::Error::from),
        }
    }

    async fn read<T>(
        self,
        supported: &'static [&'static str],
        faults: &mut Faults,
    ) -> Result<Option<T>, Problem>
    where
        T: DeserializeOwned + Validate,
    {
        let content_type = self.content_type.as_deref().unwrap_or_default();
        if !is_supported(content_type, supported) {
            return Err(Rejection::UnsupportedMediaType { supported }.into_problem());
        }
        let limit = self.limit.0;
        if self.content_length.is_some_and(|length| length > limit) {
            return Err(Rejection::PayloadTooLarge { limit }.into_problem());
        }
        let body = self.body.map_err(Problem::from)?;
        let bytes = body
            .into_bytes_limit(limit)
            .await
            .map_err(|error| match error {
                ReadBodyError::PayloadTooLarge => {
                    Rejection::PayloadTooLarge { limit }.into_problem()
                }
                _ => Rejection::IncompleteBody.into_problem(),
            })?;
        parse(&bytes, faults).map_err(Rejection::into_problem)
    }
}

/// Reads and checks `bytes`. Faults of form are errors; faults of content join the others.
fn parse<T: DeserializeOwned + Validate>(
    bytes: &[u8],
    faults: &mut Faults,
) -> Result<Option<T>, Rejection> {
    match serde_json::from_slice::<T>(bytes) {
        Ok(value) => {
            value.validate(&mut Pointer::default(), faults.list());
            Ok(Some(value))
        }
        Err(error) if error.classify() == Category::Data => {
            faults.push(locate::<T>(bytes, &error));
            Ok(None)
        }
        Err(error) => Err(Rejection::MalformedJson {
            pointer: String::new(),
            detail: error.to_string(),
        }),
    }
}

/// Reads `bytes` again, slowly, to say where they stopped fitting the type.
fn locate<T: DeserializeOwned>(bytes: &[u8], error: &serde_json::Error) -> Violation {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    match serde_path_to_error::deserialize::<_, T>(&mut reader) {
        Err(located) => Violation::new(pointer(located.path()), sentence(located.inner())),
        // What follows a complete value cannot be seen on this way.
        Ok(_) => Violation::new("", sentence(error)),
    }
}

fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let mut pointer = String::new();
    for segment in path.iter() {
        match segment {
            Segment::Seq { index } => pointer.push_str(&format!("/{index}")),
            Segment::Map { key } | Segment::Enum { variant: key } => {
                pointer.push('/');
                pointer.push_str(&key.replace('~', "~0").replace('/', "~1"));
            }
            Segment::Unknown => {}
        }
    }
    pointer
}

/// serde's message without the line and column, which the pointer says better.
fn sentence(error: &serde_json::Error) -> String {
    let whole = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    whole.strip_suffix(&place).unwrap_or(&whole).to_owned()
}

/// JSON is UTF-8 (RFC 8259, 8.1), so no other charset is taken.
fn is_supported(content_type: &str, supported: &[&str]) -> bool {
    let Ok(media_type) = content_type.parse::<Mime>() else {
        return false;
    };
    let is_utf8 = media_type
        .get_param(mime::CHARSET)
        .is_none_or(|charset| charset == mime::UTF_8);
    is_utf8 && supported.contains(&media_type.essence_str())
}

macro_rules! json_body {
    ($(#[$doc:meta])* $name:ident, $supported:expr) => {
        $(#[$doc])*
        pub struct $name<T>(Unread, PhantomData<fn() -> T>);

        impl<T: DeserializeOwned + Validate> $name<T> {
            /// Reads and checks the whole body. `None` means that the faults say why.
            ///
            /// # Errors
            /// 415 for another media type, 413 over [`BodyLimit`], 400 for what is not JSON.
            pub async fn read(self, faults: &mut Faults) -> Result<Option<T>, Problem> {
                self.0.read($supported, faults).await
            }
        }

        impl<'a, T: Type + 'static> ApiExtractor<'a> for $name<T> {
            const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];
            type ParamType = ();
            type ParamRawType = ();

            fn register(registry: &mut Registry) {
                T::register(registry);
            }

            fn request_meta() -> Option<MetaRequest> {
                let media_type = |content_type: &&'static str| MetaMediaType {
                    content_type: *content_type,
                    schema: T::schema_ref(),
                };
                Some(MetaRequest {
                    description: None,
                    content: $supported.iter().map(media_type).collect(),
                    required: true,
                })
            }

            /// Takes the body without reading it, so that authorisation comes first.
            async fn from_request(
                request: &'a Request,
                body: &mut RequestBody,
                _options: ExtractParamOptions<()>,
            ) -> poem::Result<Self> {
                Ok(Self(Unread::of(request, body), PhantomData))
            }
        }
    };
}

json_body! {
    /// A JSON body of type `T`, sent as `application/json`.
    JsonBody, JSON
}

json_body! {
    /// A JSON body of type `T`, sent as `application/json` or `application/merge-patch+json`.
    MergePatchBody, MERGE_PATCH
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::generated::types::{BatchRequest, CreateObjectRequest};

    /// The places and details that make `text` no `T`.
    fn faults<T: DeserializeOwned + Validate>(text: &str) -> Vec<(String, String)> {
        let mut faults = Faults::default();
        let value = parse::<T>(text.as_bytes(), &mut faults).unwrap();
        assert!(value.is_some() || !faults.list().is_empty());
        let places = faults.list().drain(..);
        places.map(|place| (place.pointer, place.detail)).collect()
    }

    fn malformed(bytes: &[u8]) -> Rejection {
        parse::<CreateObjectRequest>(bytes, &mut Faults::default())
            .err()
            .unwrap()
    }

    #[test]
    fn every_broken_constraint_is_named() {
        let text = r#"{"operations":[{"op":"create","body":[]},{"op":"delete"},{"op":"patch","body":1}],"idempotency_key":""}"#;
        let places: Vec<_> = faults::<BatchRequest>(text)
            .into_iter()
            .map(|(at, _)| at)
            .collect();
        assert_eq!(
            places,
            [
                "/operations/0/body",
                "/operations/2/body",
                "/idempotency_key"
            ]
        );
        let none = faults::<BatchRequest>(r#"{"operations":[]}"#);
        let detail = "must have at least 1 item, but has 0";
        assert_eq!(none, [("/operations".to_owned(), detail.to_owned())]);
    }

    #[test]
    fn what_does_not_fit_the_type_is_located() {
        let cases = [
            (
                r#"{"operations":[{"op":"create"},{"op":"drop"}]}"#,
                "/operations/1/op",
                "`drop`",
            ),
            (
                r#"{"operations":[{"op":"patch","id":"x"}]}"#,
                "/operations/0/id",
                "UUID",
            ),
            (
                r#"{"operations":[{}]}"#,
                "/operations/0",
                "missing field `op`",
            ),
            (r#"{"operations":{}}"#, "/operations", "expected a sequence"),
            (r#"{"operatoins":[]}"#, "/operatoins", "unknown field"),
            ("1", "", "invalid type: integer"),
        ];
        for (text, pointer, words) in cases {
            let found = faults::<BatchRequest>(text);
            assert_eq!(found.len(), 1, "{text}");
            let (at, detail) = &found[0];
            assert!(
                at == pointer && detail.contains(words),
                "{text}: {at}: {detail}"
            );
            assert!(!detail.contains(" line "), "{detail}");
        }
    }

    #[test]
    fn an_array_is_no_object() {
        let bodies = ["[]", r#"[{},null,"key"]"#];
        for text in bodies {
            let found = faults::<CreateObjectRequest>(text);
            assert!(
                found[0].1.contains("invalid type: sequence"),
                "{text}: {found:?}"
            );
        }
        let found = faults::<BatchRequest>(r#"{"operations":[["create",null,{}]]}"#);
        assert_eq!(found[0].0, "/operations/0");
    }

    #[test]
    fn what_is_not_json_is_malformed() {
        let texts: [&[u8]; 6] = [
            b"",
            b"{",
            b"{\"body\":{",
            b"{} {}",
            b"{\"body\":{\"a\":\"\xff\"}}",
            b"{\"body\":{1:2}}",
        ];
        for bytes in texts {
            let rejection = malformed(bytes);
            assert!(
                matches!(rejection, Rejection::MalformedJson { .. }),
                "{rejection:?}"
            );
        }
    }

    #[test]
    fn deep_nesting_overflows_no_stack() {
        let text = format!(
            "{{\"body\":{}{}}}",
            "[".repeat(500_000),
            "]".repeat(500_000)
        );
        assert_eq!(faults::<CreateObjectRequest>(&text)[0].0, "/body");
    }

    #[test]
    fn media_types_and_charsets() {
        for good in [
            "application/json",
            "APPLICATION/JSON",
            "application/json; charset=UTF-8",
        ] {
            assert!(is_supported(good, JSON), "{good}");
        }
        for bad in [
            "",
            "text/plain",
            "application/json; charset=latin1",
            "application/problem+json",
        ] {
            assert!(!is_supported(bad, JSON), "{bad}");
        }
        assert!(is_supported("application/merge-patch+json", MERGE_PATCH));
        assert!(!is_supported("application/merge-patch+json", JSON));
    }

    async fn read(request: Request) -> Result<bool, Problem> {
        let (request, mut body) = request.split();
        let unread = Unread::of(&request, &mut body);
        let read = unread
            .read::<CreateObjectRequest>(JSON, &mut Faults::default())
            .await;
        read.map(|value| value.is_some())
    }

    #[tokio::test]
    async fn a_body_is_read_up_to_its_limit_and_no_further() {
        let request = |text: &str, limit: usize| {
            let mut request = Request::builder()
                .content_type("application/json")
                .body(text.to_owned());
            request.set_data(BodyLimit(limit));
            request
        };
        assert!(read(request("{\"body\":{}}", 11)).await.unwrap());
        let problem = read(request("{\"body\":{} }", 11)).await.unwrap_err();
        assert_eq!(problem.status(), poem::http::StatusCode::PAYLOAD_TOO_LARGE);
    }

    #[tokio::test]
    async fn a_body_that_breaks_off_is_refused() {
        let chunks = [Ok("{\"body\":"), Err(std::io::Error::other("gone"))];
        let body = Body::from_bytes_stream(futures::stream::iter(chunks));
        let request = Request::builder()
            .content_type("application/json")
            .body(body);
        let problem = read(request).await.unwrap_err();
        assert_eq!(problem.status(), poem::http::StatusCode::BAD_REQUEST);
    }
}
