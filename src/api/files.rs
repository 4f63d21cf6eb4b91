//! The operations on files.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures::stream;

use super::Handlers;
use super::content::{Asked, BYTES, POLICY, asked, attachment, content_range, media_type};
use super::convert::preconditions;
use super::generated::defaults;
use super::generated::operations::{
    CreateFileBody, CreateFileParams, CreateFileReply, DeleteFileParams, DeleteFileReply,
    FilesHandlers, GetFileContentParams, GetFileContentReply, GetFileParams, GetFileReply,
    ListFilesParams, ListFilesReply,
};
use super::generated::types::{self, CreateFileForm, CreateFileRequest, FileStatus, Order};
use super::problem::Problem;
use super::wire::{ByteStream, Download, Form};
use crate::auth::Caller;
use crate::error::Error;
use crate::service::{FileDetails, FileQuery, FileRow, Lifetime, NewFile, Service};

/// Files on a page, at most; a larger `limit` is taken for this.
const PAGE_FILES: u32 = 100;
/// Where a JSON body has the seconds of `expires_after`, below its root.
pub(super) const AFTER_SECONDS: &str = "expires_after/seconds";
/// The media type of a file that came as text.
const TEXT: &str = "text/plain; charset=utf-8";

impl FilesHandlers for Handlers {
    async fn create_file(
        &self,
        caller: Caller,
        request: CreateFileParams,
    ) -> Result<CreateFileReply, Problem> {
        let row = match request.body {
            CreateFileBody::Json(sent) => self.keep_json(&caller, sent).await?,
            CreateFileBody::Form(form) => self.keep_form(&caller, form).await?,
        };
        Ok(CreateFileReply::Ok { body: row.into() })
    }

    async fn list_files(
        &self,
        caller: Caller,
        request: ListFilesParams,
    ) -> Result<ListFilesReply, Problem> {
        let limit = request.limit.unwrap_or(defaults::LIST_FILES_LIMIT);
        let query = FileQuery {
            limit: u32::try_from(limit).unwrap_or(1).min(PAGE_FILES),
            after: request.after,
            ascending: request.order == Some(Order::Asc),
            purpose: request.purpose,
        };
        let (rows, has_more) = self.service.list_files(&caller, query).await?;
        let data: Vec<types::File> = rows.into_iter().map(Into::into).collect();
        Ok(ListFilesReply::Ok {
            body: types::FileList {
                object: "list".to_owned(),
                first_id: data.first().map(|file| file.id.clone()),
                last_id: data.last().map(|file| file.id.clone()),
                data,
                has_more,
            },
        })
    }

    async fn get_file(
        &self,
        caller: Caller,
        request: GetFileParams,
    ) -> Result<GetFileReply, Problem> {
        let row = self.service.get_file(&caller, &request.file_id).await?;
        Ok(GetFileReply::Ok { body: row.into() })
    }

    async fn delete_file(
        &self,
        caller: Caller,
        request: DeleteFileParams,
    ) -> Result<DeleteFileReply, Problem> {
        self.service.delete_file(&caller, &request.file_id).await?;
        Ok(DeleteFileReply::Ok {
            body: types::DeletedFile {
                id: request.file_id,
                object: "file".to_owned(),
                deleted: true,
            },
        })
    }

    /// `If-Range` is not looked at: the content of an id never changes.
    async fn get_file_content(
        &self,
        caller: Caller,
        request: GetFileContentParams,
    ) -> Result<GetFileContentReply, Problem> {
        let known = preconditions(
            ("If-None-Match", request.if_none_match_header.as_deref()),
            ("if_none_match", request.if_none_match.as_deref()),
        )?;
        let file = self.service.read_file(&caller, &request.file_id).await?;
        let e_tag = content_tag(&file.row);
        if known.names(e_tag.trim_matches('"')) {
            return Ok(GetFileContentReply::NotModified { e_tag });
        }
        let range = request.range_header.or(request.range);
        let asked = asked(range.as_deref(), file.row.bytes)?;
        let row = file.row.clone();
        let content = file.bytes(asked.range.clone()).await?;
        Ok(content_reply(&row, asked, content))
    }
}

/// The entity tag of a file's content: its SHA-256, so that two copies are known as the same.
fn content_tag(row: &FileRow) -> String {
    let digits = row.sha256.iter().map(|byte| format!("{byte:02x}"));
    format!("\"{}\"", digits.collect::<String>())
}

/// The bytes of a file that were asked for, which are `content`.
fn content_reply(row: &FileRow, asked: Asked, content: ByteStream) -> GetFileContentReply {
    let e_tag = content_tag(row);
    let accept_ranges = "bytes".to_owned();
    let content_disposition = attachment(&row.filename);
    let content_security_policy = POLICY.to_owned();
    let body = Download {
        content_type: media_type(Some(&row.content_type)),
        length: asked.range.end - asked.range.start,
        content,
    };
    if asked.is_whole {
        return GetFileContentReply::Ok {
            e_tag,
            accept_ranges,
            content_disposition,
            content_security_policy,
            body,
        };
    }
    GetFileContentReply::PartialContent {
        e_tag,
        accept_ranges,
        content_disposition,
        content_security_policy,
        content_range: content_range(&asked.range, row.bytes),
        body,
    }
}

impl Handlers {
    async fn keep_json(&self, caller: &Caller, sent: CreateFileRequest) -> Result<FileRow, Error> {
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

    /// What the form says before its file is checked before the file is read.
    async fn keep_form(
        &self,
        caller: &Caller,
        form: Form<CreateFileForm>,
    ) -> Result<FileRow, Error> {
        let limit = self.service.file_limits().file_bytes;
        let (file, rest) = form.open(limit).await?;
        if rest.so_far().purpose.is_some() {
            details(&self.service, rest.so_far())?;
        }
        let filename = file.filename.filter(|name| !name.is_empty());
        let filename = filename.ok_or_else(|| Error::invalid("file", "needs a filename"))?;
        let content_type = media_type(file.content_type.as_deref());
        let new = NewFile::new("file", filename, content_type)?;
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

impl From<FileRow> for types::File {
    fn from(row: FileRow) -> Self {
        Self {
            id: row.id,
            object: "file".to_owned(),
            bytes: i64::try_from(row.bytes).unwrap_or(i64::MAX),
            created_at: row.created_at.as_seconds(),
            expires_at: row.expires_at.map(crate::clock::Timestamp::as_seconds),
            filename: row.filename,
            purpose: row.purpose,
            // The bytes are there, and there is nothing else to wait for.
            status: FileStatus::Processed,
            status_details: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::StreamExt;
    use poem::IntoResponse;
    use poem::http::HeaderValue;

    use super::*;
    use crate::api::generated::types::FileExpirationAnchor;
    use crate::clock::Timestamp;

    fn row() -> FileRow {
        FileRow {
            id: "file-1".to_owned(),
            filename: "é.html".to_owned(),
            purpose: "user_data".to_owned(),
            content_type: "text/html".to_owned(),
            bytes: 5,
            sha256: [0xab; 32],
            created_at: Timestamp::from_micros(1_999_999).unwrap(),
            expires_at: None,
        }
    }

    /// Status, headers and body of the answer to `Range: range`.
    async fn answer(range: Option<&str>) -> (u16, Vec<(String, String)>, String) {
        let row = row();
        let asked = asked(range, row.bytes).unwrap();
        let (start, end) = (asked.range.start as usize, asked.range.end as usize);
        let content = stream::iter([Ok(Bytes::from(&"abcde"[start..end]))]).boxed();
        let response = content_reply(&row, asked, content).into_response();
        let text = |value: &HeaderValue| value.to_str().unwrap().to_owned();
        let headers = response.headers().iter();
        let mut headers: Vec<_> = headers
            .map(|(name, value)| (name.to_string(), text(value)))
            .collect();
        headers.sort_unstable();
        let status = response.status().as_u16();
        let body = response.into_body().into_string().await.unwrap();
        (status, headers, body)
    }

    #[tokio::test]
    async fn content_says_what_it_is_and_is_not_run() {
        let tag = format!("\"{}\"", "ab".repeat(32));
        let whole = [
            ("accept-ranges", "bytes"),
            (
                "content-disposition",
                "attachment; filename=\"_.html\"; filename*=UTF-8''%C3%A9.html",
            ),
            ("content-length", "5"),
            ("content-security-policy", "sandbox; default-src 'none'"),
            ("content-type", "text/html"),
            ("etag", tag.as_str()),
        ];
        let mut whole = whole
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec();
        let found = answer(None).await;
        assert_eq!(found, (200, whole.clone(), "abcde".to_owned()));
        whole[2].1 = "2".to_owned();
        whole.insert(3, ("content-range".to_owned(), "bytes 1-2/5".to_owned()));
        let found = answer(Some("bytes=1-2")).await;
        assert_eq!(found, (206, whole, "bc".to_owned()));
    }

    #[test]
    fn times_are_whole_seconds() {
        let file = types::File::from(row());
        assert_eq!((file.created_at, file.expires_at), (1, None));
        assert_eq!(file.status, FileStatus::Processed);
    }

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
            [(Some(60), None, "expires_in"), (None, Some(60), "x")]
        {
            let said = lifetime(expires_in, expires_after, "x").unwrap();
            let time = Duration::from_secs(60);
            assert_eq!(said, Some(Lifetime { time, place }));
        }
        assert_eq!(place(lifetime(Some(1), Some(1), "x").unwrap_err()), "x");
    }
}
