//! From what `create_file` is sent, as JSON or as a form, to a file of the service.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures::stream;

use super::Handlers;
use super::content::{BYTES, media_type};
use super::generated::types::{CreateFileForm, CreateFileRequest};
use super::wire::Form;
use crate::auth::Caller;
use crate::error::Error;
use crate::service::{FileDetails, FileRow, Lifetime, NewFile, Service};

/// Where a JSON body has the seconds of `expires_after`, below its root.
pub(super) const AFTER_SECONDS: &str = "expires_after/seconds";
/// The media type of a file that came as text.
const TEXT: &str = "text/plain; charset=utf-8";

impl Handlers {
    /// Keeps the file that came as JSON.
    ///
    /// # Errors
    /// What is wrong with it; the service's.
    pub(super) async fn keep_json(
        &self,
        caller: &Caller,
        sent: CreateFileRequest,
    ) -> Result<FileRow, Error> {
        let after = sent.expires_after.as_ref().map(|after| after.seconds);
        let details = lifetime(sent.expires_in, after, AFTER_SECONDS)
            .and_then(|lifetime| self.service.file_details(&sent.purpose, lifetime));
        let details = details.map_err(|error| error.under("/"))?;
        let (content, content_type) = content(sent.content, sent.content_base64.as_deref())?;
        let file = NewFile::new("/filename", sent.filename, content_type.to_owned())?;
        let content = stream::iter([Ok(content)]);
        let details = std::future::ready(Ok(details));
        self.service
            .create_file(caller, file, content, details)
            .await
    }

    /// Keeps the file that comes as a form. What the form says before its file is checked before the
    /// file is read.
    ///
    /// # Errors
    /// What is wrong with it; the service's.
    pub(super) async fn keep_form(
        &self,
        caller: &Caller,
        form: Form<CreateFileForm>,
    ) -> Result<FileRow, Error> {
        let limit = self.service.file_limits().file_bytes;
        let (file, rest) = form.open(limit).await?;
        if rest.so_far().purpose.is_some() {
            details(&self.service, rest.so_far())?;
        }
        let content_type = media_type(file.content_type.as_deref());
        let new = NewFile::new("file", filename(file.filename)?, content_type)?;
        let details = async {
            let fields = rest.finish().await?;
            anchored(&fields)?;
            details(&self.service, &fields)
        };
        self.service
            .create_file(caller, new, file.content, details)
            .await
    }
}

/// The name that came with a form's file.
fn filename(sent: Option<String>) -> Result<String, Error> {
    let name = sent.filter(|name| !name.is_empty());
    name.ok_or_else(|| Error::invalid("file", "must have a filename"))
}

/// Checks that the two fields of `expires_after` came together, which only the end of the form shows.
fn anchored(form: &CreateFileForm) -> Result<(), Error> {
    let missing = match (form.expires_after_anchor, form.expires_after_seconds) {
        (None, Some(_)) => "expires_after[anchor]",
        (Some(_), None) => "expires_after[seconds]",
        _ => return Ok(()),
    };
    Err(Error::invalid(missing, "is required with the other"))
}

/// What the form says of its file, as far as it is known.
fn details(service: &Service, form: &CreateFileForm) -> Result<FileDetails, Error> {
    let seconds = form.expires_after_seconds;
    let lifetime = lifetime(form.expires_in, seconds, "expires_after[seconds]")?;
    // A form without one does not come this far.
    let purpose = form.purpose.as_deref().unwrap_or_default();
    service.file_details(purpose, lifetime)
}

/// How long a file is to be kept, from the two ways to say so; `place` is that of the second.
pub(super) fn lifetime(
    expires_in: Option<i64>,
    expires_after: Option<i64>,
    place: &'static str,
) -> Result<Option<Lifetime>, Error> {
    let said = |seconds: i64, place| Lifetime {
        time: Duration::from_secs(seconds.unsigned_abs()),
        place,
    };
    match (expires_in, expires_after) {
        (Some(_), Some(_)) => Err(Error::invalid(place, "send it or expires_in, not both")),
        (Some(seconds), None) => Ok(Some(said(seconds, "expires_in"))),
        (None, Some(seconds)) => Ok(Some(said(seconds, place))),
        (None, None) => Ok(None),
    }
}

/// The content that came as text or in base64, and its media type: exactly one of them.
fn content(text: Option<String>, base64: Option<&str>) -> Result<(Bytes, &'static str), Error> {
    match (text, base64) {
        (Some(text), None) => Ok((text.into(), TEXT)),
        (None, Some(base64)) => match STANDARD.decode(base64) {
            Ok(bytes) => Ok((bytes.into(), BYTES)),
            Err(error) => Err(Error::invalid(
                "/content_base64",
                format!("is not base64 (RFC 4648, 4): {error}"),
            )),
        },
        (Some(_), Some(_)) => Err(Error::invalid(
            "/content_base64",
            "send content or content_base64, not both",
        )),
        (None, None) => Err(Error::invalid(
            "/content",
            "is missing: send text as content, or bytes as content_base64",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::generated::types::FileExpirationAnchor;

    fn place(error: Error) -> String {
        match error {
            Error::InvalidRequest(places) => places[0].pointer.clone(),
            other => panic!("{other}"),
        }
    }

    #[test]
    fn content_comes_in_one_way() {
        let text = content(Some("é".to_owned()), None).unwrap();
        assert_eq!(text, (Bytes::from("é"), TEXT));
        let bytes = content(None, Some("AP8=")).unwrap();
        assert_eq!(bytes, (Bytes::from_static(&[0, 255]), BYTES));
        for (text, base64, at) in [
            (None, None, "/content"),
            (Some("a"), Some("YQ=="), "/content_base64"),
            (None, Some("YQ"), "/content_base64"),
            (None, Some("Y Q=="), "/content_base64"),
            (None, Some("_w=="), "/content_base64"),
        ] {
            let error = content(text.map(str::to_owned), base64).unwrap_err();
            assert_eq!(place(error), at, "{text:?} {base64:?}");
        }
    }

    #[test]
    fn a_forms_file_has_a_name() {
        assert_eq!(filename(Some("größe.txt".to_owned())).unwrap(), "größe.txt");
        for none in [None, Some("")] {
            let error = filename(none.map(str::to_owned)).unwrap_err();
            assert_eq!(place(error), "file", "{none:?}");
        }
    }

    #[test]
    fn an_expiration_has_its_anchor() {
        let form = |anchor, seconds| CreateFileForm {
            expires_after_anchor: anchor,
            expires_after_seconds: seconds,
            ..CreateFileForm::default()
        };
        let anchor = Some(FileExpirationAnchor::CreatedAt);
        assert!(anchored(&form(None, None)).is_ok());
        assert!(anchored(&form(anchor, Some(60))).is_ok());
        let error = anchored(&form(anchor, None)).unwrap_err();
        assert_eq!(place(error), "expires_after[seconds]");
        let error = anchored(&form(None, Some(60))).unwrap_err();
        assert_eq!(place(error), "expires_after[anchor]");
    }

    #[test]
    fn a_lifetime_is_said_in_one_way() {
        assert_eq!(lifetime(None, None, "x").unwrap(), None);
        for (expires_in, expires_after, place) in
            [(Some(3600), None, "expires_in"), (None, Some(3600), "x")]
        {
            let time = Duration::from_secs(3600);
            let said = lifetime(expires_in, expires_after, "x").unwrap();
            assert_eq!(said, Some(Lifetime { time, place }));
        }
        assert_eq!(place(lifetime(Some(1), Some(1), "x").unwrap_err()), "x");
    }
}
