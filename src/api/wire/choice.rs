//! A body that may be JSON or a form.

use mime::Mime;
use poem::{Request, RequestBody};
use poem_openapi::registry::{MetaRequest, Registry};
use poem_openapi::types::Type;
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use serde::de::DeserializeOwned;

use super::multipart::{FORM, Form, FormBody, FormFields};
use super::{Faults, JsonBody, Rejection, Validate};
use crate::api::problem::Problem;

const SUPPORTED: &[&str] = &["application/json", FORM];

/// A body that is read: JSON as `T`, or a form with the fields `F`.
#[derive(Debug)]
pub enum JsonOrForm<T, F> {
    /// `application/json`.
    Json(T),
    /// `multipart/form-data`.
    Form(Form<F>),
}

/// A body that has not been read: JSON as `T`, or a form with the fields `F`.
pub enum JsonOrFormBody<T, F> {
    /// `application/json`.
    Json(JsonBody<T>),
    /// `multipart/form-data`.
    Form(FormBody<F>),
    /// Something else.
    Other,
}

impl<T: DeserializeOwned + Validate, F: FormFields> JsonOrFormBody<T, F> {
    /// Reads and checks the whole of JSON, and nothing yet of a form. `None` means that the faults
    /// say why.
    ///
    /// # Errors
    /// As of [`JsonBody`] and [`FormBody`]; 415 for another media type.
    pub async fn read(self, faults: &mut Faults) -> Result<Option<JsonOrForm<T, F>>, Problem> {
        Ok(match self {
            Self::Json(body) => body.read(faults).await?.map(JsonOrForm::Json),
            Self::Form(body) => body.read(faults).await?.map(JsonOrForm::Form),
            Self::Other => {
                let supported = SUPPORTED;
                return Err(Rejection::UnsupportedMediaType { supported }.into_problem());
            }
        })
    }
}

impl<'a, T: Type + 'static, F: FormFields + Type> ApiExtractor<'a> for JsonOrFormBody<T, F> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        T::register(registry);
        F::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        let mut request = JsonBody::<T>::request_meta()?;
        request.content.push(FormBody::<F>::media_type());
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
            Ok(FORM) => Self::Form(FormBody::of(request, body)),
            _ => Self::Other,
        })
    }
}
