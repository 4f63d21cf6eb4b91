//! A body that may be JSON or lines of JSON.

use mime::Mime;
use poem::{Request, RequestBody};
use poem_openapi::registry::{MetaRequest, Registry};
use poem_openapi::types::Type;
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use serde::de::DeserializeOwned;

use super::{BytesBody, Faults, IncomingBytes, JsonBody, Rejection, Validate};
use crate::api::problem::Problem;

const LINES: &str = "application/x-ndjson";
const SUPPORTED: &[&str] = &["application/json", LINES];

/// A body that is read: JSON as `T`, or lines on their way in.
#[derive(Debug)]
pub enum JsonOrLines<T> {
    /// `application/json`.
    Json(T),
    /// `application/x-ndjson`.
    Lines(IncomingBytes),
}

/// A body that has not been read: JSON as `T`, or lines.
pub enum JsonOrLinesBody<T> {
    /// `application/json`.
    Json(JsonBody<T>),
    /// `application/x-ndjson`.
    Lines(BytesBody),
    /// Something else.
    Other,
}

impl<T: DeserializeOwned + Validate> JsonOrLinesBody<T> {
    /// Reads and checks the whole of JSON, and nothing yet of lines. `None` means that the faults
    /// say why.
    ///
    /// # Errors
    /// As of [`JsonBody`] and [`BytesBody`]; 415 for another media type.
    pub async fn read(self, faults: &mut Faults) -> Result<Option<JsonOrLines<T>>, Problem> {
        Ok(match self {
            Self::Json(body) => body.read(faults).await?.map(JsonOrLines::Json),
            Self::Lines(body) => body.read(faults).await?.map(JsonOrLines::Lines),
            Self::Other => {
                let supported = SUPPORTED;
                return Err(Rejection::UnsupportedMediaType { supported }.into_problem());
            }
        })
    }
}

impl<'a, T: Type + 'static> ApiExtractor<'a> for JsonOrLinesBody<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        let mut request = JsonBody::<T>::request_meta()?;
        request.content.push(BytesBody::meta(LINES));
        Some(request)
    }

    /// Takes the body without reading it, so that authorisation comes first.
    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        options: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        let media_type = request.content_type().unwrap_or_default().parse::<Mime>();
        Ok(match media_type.as_ref().map(Mime::essence_str) {
            Ok("application/json") => {
                let json = JsonBody::from_request(request, body, options).await?;
                Self::Json(json)
            }
            Ok(LINES) => Self::Lines(BytesBody::of(request, body)),
            _ => Self::Other,
        })
    }
}
