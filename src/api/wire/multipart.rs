//! Forms with a file (RFC 7578): text fields are kept, and the file passes through as it arrives.
//!
//! Some callers send the file first and some last, so a form is read in two steps: up to its file,
//! and what comes after it.

use std::fmt;
use std::io;
use std::marker::PhantomData;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use mime::Mime;
use multer::{Constraints, Multipart, SizeLimit};
use poem::{Request, RequestBody};
use poem_openapi::registry::{MetaMediaType, MetaRequest, Registry};
use poem_openapi::types::Type;
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};

use super::stream::{Arriving, ByteStream, one_at_a_time};
use super::unclaimed::{Overfull, Unclaimed};
use super::{Faults, FromText, Pointer, Rejection};
use crate::api::problem::Problem;
use crate::error::{Error, Violation};

/// The media type of forms.
pub(super) const FORM: &str = "multipart/form-data";

/// The longest text field, in bytes.
const TEXT_BYTES: u64 = 8 << 10;
/// What a form may have besides its file, in bytes: its text fields and the headers of its parts.
const BESIDES_BYTES: u64 = 256 << 10;

/// How much may be wrong with a form before it is not read on.
const VIOLATIONS: usize = 20;

/// The text fields of one form. Implemented in `generated`.
pub trait FormFields: Default + Send + 'static {
    /// The field that is the file.
    const FILE: &'static str;
    /// The other fields.
    const TEXTS: &'static [&'static str];
    /// Those of the others without which a form is invalid.
    const REQUIRED: &'static [&'static str];

    /// Reads `text` into the field `name`, or adds what is wrong with it.
    fn set(&mut self, _name: &str, _text: String, _violations: &mut Vec<Violation>) {}
}

/// The value of the field `name`, or `None` and a violation.
pub fn form_text<T: FromText>(
    name: &str,
    text: String,
    violations: &mut Vec<Violation>,
    check: impl FnOnce(&T, &mut Pointer, &mut Vec<Violation>),
) -> Option<T> {
    match T::from_text(text) {
        Ok(value) => {
            check(&value, &mut Pointer::root(name), violations);
            Some(value)
        }
        Err(detail) => {
            violations.push(Violation::new(name, detail));
            None
        }
    }
}

/// A form that has not been read.
pub struct FormBody<F>(Arriving, PhantomData<fn() -> F>);

impl<F: FormFields> FormBody<F> {
    pub(super) fn of(request: &Request, body: &mut RequestBody) -> Self {
        Self(Arriving::of(request, body), PhantomData)
    }

    /// The form, of which nothing but the media type has been looked at.
    ///
    /// # Errors
    /// 415 for another media type, 400 for a form without a boundary.
    #[expect(
        clippy::unused_async,
        reason = "the generated routes read every body in the same way"
    )]
    pub async fn read(self, _faults: &mut Faults) -> Result<Option<Form<F>>, Problem> {
        let boundary = boundary(&self.0.content_type)?;
        Ok(Some(Form {
            body: self.0,
            boundary,
            fields: PhantomData,
        }))
    }
}

impl<F: Type> FormBody<F> {
    pub(super) fn media_type() -> MetaMediaType {
        MetaMediaType {
            content_type: FORM,
            schema: F::schema_ref(),
        }
    }
}

impl<'a, F: FormFields + Type> ApiExtractor<'a> for FormBody<F> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        F::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        Some(MetaRequest {
            description: None,
            content: Vec::from([Self::media_type()]),
            required: true,
        })
    }

    /// Takes the body without reading it, so that authorisation comes first.
    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _options: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        Ok(Self::of(request, body))
    }
}

/// The boundary between the parts (RFC 2046, 5.1.1).
fn boundary(content_type: &str) -> Result<String, Problem> {
    let media_type = content_type.parse::<Mime>().ok();
    let Some(media_type) = media_type.filter(|media_type| media_type.essence_str() == FORM) else {
        return Err(Rejection::UnsupportedMediaType { supported: &[FORM] }.into_problem());
    };
    match media_type.get_param(mime::BOUNDARY) {
        Some(boundary) if !boundary.as_str().is_empty() => Ok(boundary.as_str().to_owned()),
        _ => {
            let detail = "The Content-Type names no boundary: let the HTTP client write it.";
            Err(Error::MalformedForm(detail).into())
        }
    }
}

/// A form on its way in.
pub struct Form<F> {
    body: Arriving,
    boundary: String,
    fields: PhantomData<fn() -> F>,
}

impl<F> fmt::Debug for Form<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Form({:?})", self.body.length)
    }
}

/// The file of a form.
pub struct FormFile {
    /// The name, as the caller sent it: not to be trusted.
    pub filename: Option<String>,
    /// The media type, as the caller sent it.
    pub content_type: Option<String>,
    /// The bytes. They end in [`Error::FileTooLarge`] over the limit.
    pub content: ByteStream,
}

/// What is known of a form when its file begins, and what comes after the file.
pub struct FormRest<F> {
    parts: Multipart<'static>,
    held: Unclaimed,
    limit: u64,
    fields: F,
    seen: Vec<String>,
    violations: Vec<Violation>,
}

impl<F: FormFields> Form<F> {
    /// Reads up to the file, which may have `limit` bytes. Read the file, or drop it, before the
    /// rest.
    ///
    /// # Errors
    /// [`Error::FileTooLarge`] when more was announced than a form with such a file can have;
    /// [`Error::InvalidRequest`] for fields before the file that are wrong, or without a file;
    /// [`Error::MalformedForm`], [`Error::IncompleteBody`].
    pub async fn open(self, limit: u64) -> Result<(FormFile, FormRest<F>), Error> {
        let most = limit.saturating_add(BESIDES_BYTES);
        if self.body.length.is_some_and(|length| length > most) {
            return Err(Error::FileTooLarge { limit });
        }
        let sizes = SizeLimit::new()
            .whole_stream(most)
            .per_field(TEXT_BYTES)
            .for_field(F::FILE, limit);
        let held = Unclaimed::default();
        let bytes = self
            .body
            .into_stream()
            .map_err(|problem| Error::Internal(Box::new(problem)))?;
        let bytes = held.counting(one_at_a_time(bytes));
        let constraints = Constraints::new().size_limit(sizes);
        let mut rest = FormRest {
            parts: Multipart::with_constraints(bytes, self.boundary, constraints),
            held,
            limit,
            fields: F::default(),
            seen: Vec::new(),
            violations: Vec::new(),
        };
        match rest.next_file().await? {
            Some(file) => Ok((file, rest)),
            None => {
                rest.violations.push(Violation::new(F::FILE, "is required"));
                rest.require();
                Err(Error::InvalidRequest(rest.violations))
            }
        }
    }
}

impl<F: FormFields> FormRest<F> {
    /// The fields that came before the file.
    pub fn so_far(&self) -> &F {
        &self.fields
    }

    /// The bytes of the file, which fail at their end when the rest of the form is wrong.
    pub fn ending(self, content: ByteStream) -> ByteStream {
        let end = stream::once(async { self.finish().await.map(|_| Bytes::new()) });
        let whole = content.chain(end);
        whole
            .try_filter(|bytes| std::future::ready(!bytes.is_empty()))
            .boxed()
    }

    /// Every field, once the file is read or dropped.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] for fields after the file that are wrong, and for those that did
    /// not come; [`Error::MalformedForm`], [`Error::IncompleteBody`].
    pub async fn finish(mut self) -> Result<F, Error> {
        // A second file is a violation, so none comes back from here.
        self.next_file().await?;
        self.require();
        if self.violations.is_empty() {
            Ok(self.fields)
        } else {
            Err(Error::InvalidRequest(self.violations))
        }
    }

    /// Reads the fields up to the next file, and gives that. A form that is wrong by then is
    /// refused before its file is read.
    async fn next_file(&mut self) -> Result<Option<FormFile>, Error> {
        while let Some(part) = self.next_part().await? {
            let Some(name) = part.name().map(str::to_owned) else {
                let detail = "A part has no name in its Content-Disposition.";
                return Err(Error::MalformedForm(detail));
            };
            self.know(&name);
            let is_file = name == F::FILE;
            if (is_file && !self.violations.is_empty()) || self.violations.len() >= VIOLATIONS {
                let violations = std::mem::take(&mut self.violations);
                return Err(Error::InvalidRequest(violations));
            }
            if is_file {
                return Ok(Some(file(part, self.limit, self.held.clone())));
            }
            let bytes = part.bytes().await;
            let bytes = bytes.map_err(|error| failure(error, F::FILE, self.limit))?;
            self.held.claim();
            match String::from_utf8(bytes.into()) {
                Ok(text) => self.fields.set(&name, text, &mut self.violations),
                Err(_) => self.violations.push(Violation::new(name, "must be UTF-8")),
            }
        }
        Ok(None)
    }

    async fn next_part(&mut self) -> Result<Option<multer::Field<'static>>, Error> {
        let next = self.parts.next_field().await;
        next.map_err(|error| failure(error, F::FILE, self.limit))
    }

    /// Notes that there is a field `name`.
    fn know(&mut self, name: &str) {
        if name != F::FILE && !F::TEXTS.contains(&name) {
            let known = [&[F::FILE], F::TEXTS].concat().join(", ");
            let detail = format!("is unknown; the fields are {known}");
            self.violations.push(Violation::new(name, detail));
        } else if self.seen.iter().any(|seen| seen == name) {
            let violation = Violation::new(name, "is given more than once");
            self.violations.push(violation);
        } else {
            self.seen.push(name.to_owned());
        }
    }

    fn require(&mut self) {
        let missing = F::REQUIRED.iter();
        let missing = missing.filter(|name| !self.seen.iter().any(|seen| seen == *name));
        self.violations
            .extend(missing.map(|name| Violation::new(*name, "is required")));
    }
}

fn file(part: multer::Field<'static>, limit: u64, held: Unclaimed) -> FormFile {
    let name = part.name().unwrap_or_default().to_owned();
    FormFile {
        filename: part.file_name().map(str::to_owned),
        content_type: part.content_type().map(ToString::to_string),
        content: part
            .inspect_ok(move |_| held.claim())
            .map_err(move |error| failure(error, &name, limit))
            .boxed(),
    }
}

/// What it means when a form whose file is the field `file` cannot be read on.
fn failure(error: multer::Error, file: &str, limit: u64) -> Error {
    use multer::Error as Cause;
    match error {
        Cause::FieldSizeExceeded { field_name, .. } if field_name.as_deref() != Some(file) => {
            let name = field_name.unwrap_or_default();
            Error::invalid(name, format!("is longer than {TEXT_BYTES} bytes"))
        }
        Cause::FieldSizeExceeded { .. } | Cause::StreamSizeExceeded { .. } => {
            Error::FileTooLarge { limit }
        }
        Cause::StreamReadFailed(cause) if is_overfull(cause.as_ref()) => Error::MalformedForm(
            "The headers of a part, or what is before the first, are too long.",
        ),
        Cause::StreamReadFailed(_)
        | Cause::IncompleteFieldData { .. }
        | Cause::IncompleteHeaders
        | Cause::IncompleteStream => Error::IncompleteBody,
        Cause::ReadHeaderFailed(_)
        | Cause::DecodeHeaderName { .. }
        | Cause::DecodeHeaderValue { .. } => {
            Error::MalformedForm("The headers of a part cannot be read.")
        }
        other => Error::Internal(Box::new(other)),
    }
}

fn is_overfull(cause: &(dyn std::error::Error + Send + Sync + 'static)) -> bool {
    let cause = cause
        .downcast_ref::<io::Error>()
        .and_then(io::Error::get_ref);
    matches!(cause, Some(cause) if cause.is::<Overfull>())
}

#[cfg(test)]
mod tests;
