//! Files: forms, streams and ranges, which progenitor cannot write.

use std::ops::Range;

use bytes::Bytes;
use futures::stream::{self, BoxStream};
use futures::{Stream, StreamExt, TryStreamExt};
use reqwest::header::CONTENT_TYPE;
use reqwest::multipart::{Form, Part};
use reqwest::{Body, StatusCode};
use serde::de::DeserializeOwned;

use crate::types::{File, FileList, Order, Problem};
use crate::{Client, Error, ResponseValue};

/// The media type of a file that has none of its own.
const BYTES: &str = "application/octet-stream";
/// What is to be known of a file.
#[derive(Clone, Debug)]
pub struct NewFile {
    /// The name.
    pub filename: String,
    /// What it is for, such as `user_data`.
    pub purpose: String,
    /// The media type; bytes of no known type when not given.
    pub content_type: Option<String>,
    /// After how many seconds it expires; when the server says, if not given.
    pub expires_in: Option<i64>,
}

impl NewFile {
    /// A file with this name, for this purpose.
    pub fn new(filename: impl Into<String>, purpose: impl Into<String>) -> Self {
        Self {
            filename: filename.into(),
            purpose: purpose.into(),
            content_type: None,
            expires_in: None,
        }
    }

    pub(crate) fn media_type(&self) -> &str {
        self.content_type.as_deref().unwrap_or(BYTES)
    }

    /// The text fields come first, so that what is wrong with them is known before the bytes go.
    fn form(&self, content: Part) -> Result<Form, Error<Problem>> {
        let mut form = Form::new().text("purpose", self.purpose.clone());
        if let Some(seconds) = self.expires_in {
            form = form.text("expires_in", seconds.to_string());
        }
        let content = content.file_name(self.filename.clone());
        let content = content.mime_str(self.media_type());
        let content = content.map_err(|error| Error::InvalidRequest(error.to_string()))?;
        Ok(form.part("file", content))
    }
}

/// Which files to list, and how.
#[derive(Clone, Debug, Default)]
pub struct FileSearch {
    /// Only files with this purpose.
    pub purpose: Option<String>,
    /// Newest first when not given.
    pub order: Option<Order>,
    /// Files a page, 1 to 100.
    pub page_files: Option<i32>,
}

/// A file's content on its way.
pub struct Download {
    /// The media type.
    pub content_type: Option<String>,
    /// How many bytes come.
    pub length: Option<u64>,
    /// The bytes.
    pub content: BoxStream<'static, Result<Bytes, Error<Problem>>>,
}

impl Client {
    /// Stores `content` as a file.
    ///
    /// # Errors
    /// As `create_file`; `InvalidRequest` for a media type that is none.
    pub async fn upload_file(
        &self,
        file: &NewFile,
        content: impl Into<Bytes>,
    ) -> Result<File, Error<Problem>> {
        let content: Bytes = content.into();
        let length = content.len() as u64;
        let content = Part::stream_with_length(content, length);
        self.send_form("/v1/files", file.form(content)?).await
    }

    /// Stores the `length` bytes of `content` as a file, in constant memory.
    ///
    /// # Errors
    /// As [`Self::upload_file`]; `CommunicationError` when `content` fails or has another length.
    pub async fn upload_stream<S, E>(
        &self,
        file: &NewFile,
        length: u64,
        content: S,
    ) -> Result<File, Error<Problem>>
    where
        S: Stream<Item = Result<Bytes, E>> + Send + 'static,
        E: Into<Box<dyn std::error::Error + Send + Sync>> + 'static,
    {
        let content = Part::stream_with_length(Body::wrap_stream(content), length);
        self.send_form("/v1/files", file.form(content)?).await
    }

    /// The content of a file, or the bytes of it in `range`.
    ///
    /// # Errors
    /// As `get_file_content`; `InvalidRequest` for a range with nothing in it.
    pub async fn download_file(
        &self,
        id: &str,
        range: Option<Range<u64>>,
    ) -> Result<Download, Error<Problem>> {
        let mut request = self.get_file_content().file_id(id);
        if let Some(Range { start, end }) = range {
            if start >= end {
                let detail = "the range has nothing in it".to_owned();
                return Err(Error::InvalidRequest(detail));
            }
            request = request.range(format!("bytes={start}-{}", end - 1));
        }
        let response = request.send().await?;
        let content_type = response.headers().get(CONTENT_TYPE);
        let content_type = content_type.and_then(|value| value.to_str().ok());
        Ok(Download {
            content_type: content_type.map(str::to_owned),
            length: response.content_length(),
            content: response
                .into_inner_stream()
                .map_err(Error::ResponseBodyError)
                .boxed(),
        })
    }

    /// Every file that `search` asks for, page after page.
    pub fn stream_files(&self, search: FileSearch) -> BoxStream<'_, Result<File, Error<Problem>>> {
        let pages = stream::try_unfold(Some((None, search)), move |rest| async move {
            let Some((after, search)) = rest else {
                return Ok::<_, Error<Problem>>(None);
            };
            let page = self.page_of_files(&search, after).await?;
            let rest = page.last_id.filter(|_| page.has_more);
            let rest = rest.map(|last| (Some(last), search));
            Ok(Some((stream::iter(page.data.into_iter().map(Ok)), rest)))
        });
        pages.try_flatten().boxed()
    }

    async fn page_of_files(
        &self,
        search: &FileSearch,
        after: Option<String>,
    ) -> Result<FileList, Error<Problem>> {
        let mut request = self.list_files();
        if let Some(purpose) = &search.purpose {
            request = request.purpose(purpose);
        }
        if let Some(order) = search.order {
            request = request.order(order);
        }
        if let Some(files) = search.page_files {
            request = request.limit(files);
        }
        if let Some(after) = after {
            request = request.after(after);
        }
        Ok(request.send().await?.into_inner())
    }

    pub(crate) async fn send_form<T: DeserializeOwned>(
        &self,
        path: &str,
        form: Form,
    ) -> Result<T, Error<Problem>> {
        let request = self.client.post(format!("{}{path}", self.baseurl));
        let response = request.multipart(form).send().await?;
        match response.status() {
            StatusCode::OK => Ok(ResponseValue::<T>::from_response(response)
                .await?
                .into_inner()),
            status if status.is_client_error() || status.is_server_error() => {
                let problem = ResponseValue::from_response(response).await?;
                Err(Error::ErrorResponse(problem))
            }
            _ => Err(Error::UnexpectedResponse(response)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::thread::JoinHandle;

    use super::*;

    /// A server that answers one request, and gives what it got once `last` came.
    fn server(last: &'static str, answer: String) -> (Client, JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let served = std::thread::spawn(move || {
            let (mut connection, _) = listener.accept().unwrap();
            let (mut got, mut buffer) = (Vec::new(), [0; 4096]);
            while !String::from_utf8_lossy(&got).contains(last) {
                let count = connection.read(&mut buffer).unwrap();
                assert!(count > 0, "it ended: {}", String::from_utf8_lossy(&got));
                got.extend_from_slice(&buffer[..count]);
            }
            connection.write_all(answer.as_bytes()).unwrap();
            String::from_utf8(got).unwrap()
        });
        (Client::connect(&url, "the-key").unwrap(), served)
    }

    fn answer(status: &str, headers: &str, body: &str) -> String {
        let length = body.len();
        format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n{headers}\r\n{body}")
    }

    const STORED: &str = r#"{"id":"file-1","object":"file","bytes":5,"created_at":1,
        "filename":"a.txt","purpose":"user_data","status":"processed","status_details":null}"#;

    #[tokio::test]
    async fn a_file_goes_as_a_form_with_its_length() {
        let (client, served) = server("--\r\n", answer("200 OK", "", STORED));
        let mut file = NewFile::new("größe.txt", "user_data");
        file.content_type = Some("text/plain".to_owned());
        file.expires_in = Some(60);
        let content = stream::iter([Ok::<_, std::io::Error>(Bytes::from("abc")), Ok("de".into())]);
        let stored = client.upload_stream(&file, 5, content).await.unwrap();
        assert_eq!(stored.id, "file-1");
        let got = served.join().unwrap();
        assert!(got.starts_with("POST /v1/files HTTP/1.1\r\n"), "{got}");
        for wanted in [
            "authorization: Bearer the-key\r\n",
            "content-type: multipart/form-data; boundary=",
            "content-length: ",
            "name=\"purpose\"\r\n\r\nuser_data\r\n",
            "name=\"expires_in\"\r\n\r\n60\r\n",
            "Content-Type: text/plain\r\n\r\nabcde\r\n",
        ] {
            assert!(got.contains(wanted), "{wanted:?}: {got}");
        }
    }

    #[tokio::test]
    async fn a_refused_file_is_a_problem() {
        let problem = r#"{"type":"x","title":"x","status":400,"detail":"No.","code":"file-too-large",
            "error":{"message":"No.","type":"x","param":null,"code":"file-too-large"}}"#;
        let answer = answer("400 Bad Request", "", problem);
        let (client, served) = server("--\r\n", answer);
        let file = NewFile::new("a.txt", "user_data");
        match client.upload_file(&file, "abc").await {
            Err(Error::ErrorResponse(problem)) => assert_eq!(problem.detail, "No."),
            other => panic!("{other:?}"),
        }
        served.join().unwrap();
    }

    #[tokio::test]
    async fn a_range_is_asked_for_and_streamed() {
        let answer = answer("206 Partial Content", "content-type: text/plain\r\n", "cde");
        let (client, served) = server("\r\n\r\n", answer);
        let download = client.download_file("file-1", Some(2..5)).await.unwrap();
        assert_eq!(download.length, Some(3));
        assert_eq!(download.content_type.as_deref(), Some("text/plain"));
        let bytes: Vec<Bytes> = download.content.try_collect().await.unwrap();
        assert_eq!(bytes.concat(), b"cde");
        let got = served.join().unwrap();
        assert!(
            got.starts_with("GET /v1/files/file-1/content HTTP/1.1\r\n"),
            "{got}"
        );
        assert!(got.contains("range: bytes=2-4\r\n"), "{got}");
        let empty = client.download_file("file-1", Some(2..2)).await;
        assert!(matches!(empty, Err(Error::InvalidRequest(_))));
    }
}
