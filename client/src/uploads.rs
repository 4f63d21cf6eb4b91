//! Uploads: files that are sent in parts, several at once.

use bytes::{Bytes, BytesMut};
use futures::{Stream, TryStreamExt, stream};
use reqwest::multipart::{Form, Part};

use crate::types::{CompleteUploadRequest, CreateUploadRequest, File, Problem, Upload, UploadPart};
use crate::{Client, Error, NewFile};

/// The size of a part, in bytes, unless there would be too many of them or the server wants less.
const PART_BYTES: u64 = 16 << 20;
/// The most parts of an upload.
const PARTS: u64 = 10_000;
/// How many parts are sent at once, and are in memory meanwhile.
const PARALLEL: usize = 4;

impl Client {
    /// Stores the `length` bytes of `content` as a file, in parts of which four are sent at once.
    /// Up to 64 MiB are in memory; more for files over 160 GB.
    ///
    /// # Errors
    /// As `create_upload`, `add_upload_part` and `complete_upload`; `Custom` when `content` fails.
    /// The upload is then cancelled.
    pub async fn upload_in_parts<S, E>(
        &self,
        file: &NewFile,
        length: u64,
        content: S,
    ) -> Result<File, Error<Problem>>
    where
        S: Stream<Item = Result<Bytes, E>> + Send,
        E: std::fmt::Display,
    {
        let request = CreateUploadRequest {
            bytes: i64::try_from(length).unwrap_or(i64::MAX),
            expires_after: None,
            expires_in: file.expires_in,
            filename: file.filename.clone(),
            mime_type: file.media_type().to_owned(),
            purpose: file.purpose.clone(),
        };
        let upload = self.create_upload().body(request).send().await?;
        let upload = upload.into_inner();
        let sent = self.send_parts(&upload, length, content).await;
        if sent.is_err() {
            // The first failure is what counts; an upload that stays open expires by itself.
            let _ = self.cancel_upload().upload_id(&upload.id).send().await;
        }
        sent
    }

    async fn send_parts<S, E>(
        &self,
        upload: &Upload,
        length: u64,
        content: S,
    ) -> Result<File, Error<Problem>>
    where
        S: Stream<Item = Result<Bytes, E>> + Send,
        E: std::fmt::Display,
    {
        let most = u64::try_from(upload.part_size).unwrap_or(PART_BYTES);
        let size = PART_BYTES.max(length.div_ceil(PARTS)).min(most);
        let content = content.map_err(|error| Error::Custom(error.to_string()));
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let part_ids = parts(content, size)
            .map_ok(|part| self.add_upload_part(&upload.id, part))
            .try_buffered(PARALLEL)
            .map_ok(|part| part.id)
            .try_collect()
            .await?;
        let request = CompleteUploadRequest {
            md5: None,
            part_ids,
        };
        let completed = self
            .complete_upload()
            .upload_id(&upload.id)
            .body(request)
            .send()
            .await?;
        let file = completed.into_inner().file;
        file.ok_or_else(|| Error::Custom("the completed upload has no file".to_owned()))
    }

    /// Adds a part to an upload. Parts may be added in any order and several at once.
    ///
    /// # Errors
    /// Those of the operation of the same name.
    pub async fn add_upload_part(
        &self,
        upload_id: &str,
        content: impl Into<Bytes>,
    ) -> Result<UploadPart, Error<Problem>> {
        let content: Bytes = content.into();
        let length = content.len() as u64;
        let part = Part::stream_with_length(content, length).file_name("part");
        let form = Form::new().part("data", part);
        let upload_id = progenitor_client::encode_path(upload_id);
        self.send_form(&format!("/v1/uploads/{upload_id}/parts"), form)
            .await
    }
}

/// `content` in parts of `size` bytes, the last of which may be shorter. There is at least one.
fn parts<E>(
    content: impl Stream<Item = Result<Bytes, E>> + Send,
    size: usize,
) -> impl Stream<Item = Result<Bytes, E>> + Send
where
    E: Send,
{
    let start = Some((Box::pin(content), BytesMut::new(), true));
    stream::try_unfold(start, move |state| async move {
        let Some((mut content, mut held, is_first)) = state else {
            return Ok(None);
        };
        while held.len() < size {
            match content.try_next().await? {
                Some(bytes) => held.extend_from_slice(&bytes),
                None if held.is_empty() && !is_first => return Ok(None),
                None => return Ok(Some((held.freeze(), None))),
            }
        }
        let part = held.split_to(size).freeze();
        Ok(Some((part, Some((content, held, false)))))
    })
}

#[cfg(test)]
mod tests {
    use futures::StreamExt;

    use super::*;

    async fn in_parts(pieces: &[&'static str], size: usize) -> Vec<String> {
        let pieces: Vec<_> = pieces
            .iter()
            .map(|text| Ok::<_, ()>(Bytes::from(*text)))
            .collect();
        let parts: Vec<Bytes> = parts(stream::iter(pieces), size)
            .try_collect()
            .await
            .unwrap();
        let text = |part: &Bytes| String::from_utf8(part.to_vec()).unwrap();
        parts.iter().map(text).collect()
    }

    #[tokio::test]
    async fn parts_have_the_size_whatever_the_pieces() {
        assert_eq!(in_parts(&["abcdefg"], 3).await, ["abc", "def", "g"]);
        assert_eq!(in_parts(&["a", "b", "cdef"], 3).await, ["abc", "def"]);
        assert_eq!(in_parts(&["a", "", "b"], 3).await, ["ab"]);
        assert_eq!(in_parts(&[], 3).await, [""]);
    }

    #[tokio::test]
    async fn a_failing_source_fails_the_parts() {
        let pieces = stream::iter([Ok(Bytes::from("ab")), Err("gone")]);
        let found: Vec<_> = parts(pieces, 2).collect().await;
        assert_eq!(found, [Ok(Bytes::from("ab")), Err("gone")]);
    }
}
