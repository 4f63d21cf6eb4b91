//! The operations on files.

use super::Handlers;
use super::content::{Asked, POLICY, asked, attachment, content_range, media_type};
use super::convert::preconditions;
use super::generated::defaults;
use super::generated::operations::{
    CreateFileBody, CreateFileParams, CreateFileReply, DeleteFileParams, DeleteFileReply,
    FilesHandlers, GetFileContentParams, GetFileContentReply, GetFileParams, GetFileReply,
    ListFilesParams, ListFilesReply,
};
use super::generated::types::{self, FileStatus, Order};
use super::problem::Problem;
use super::wire::{ByteStream, Download};
use crate::auth::Caller;
use crate::service::{FileQuery, FileRow};

/// Files on a page, at most; a larger `limit` is taken for this.
const PAGE_FILES: u32 = 100;

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
    use bytes::Bytes;
    use futures::{StreamExt, stream};
    use poem::IntoResponse;
    use poem::http::HeaderValue;

    use super::*;
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
}
