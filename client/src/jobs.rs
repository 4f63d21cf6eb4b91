//! Imports of lines, which progenitor cannot stream.

use bytes::Bytes;
use futures::Stream;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Body, StatusCode};

use crate::types::{Job, Problem};
use crate::{Client, Error, ResponseValue};

impl Client {
    /// Imports the lines of JSON in `lines`, in constant memory. Those that name no collection are
    /// for `collection`.
    ///
    /// # Errors
    /// As `create_import`; `CommunicationError` when `lines` fails.
    pub async fn import_lines<S, E>(
        &self,
        gpt_id: &str,
        collection: Option<&str>,
        lines: S,
    ) -> Result<Job, Error<Problem>>
    where
        S: Stream<Item = Result<Bytes, E>> + Send + 'static,
        E: Into<Box<dyn std::error::Error + Send + Sync>> + 'static,
    {
        let url = format!("{}/v1/gpts/{gpt_id}/imports", self.baseurl);
        let request = self.client.post(url);
        let request = request.header(CONTENT_TYPE, "application/x-ndjson");
        let collection = collection.map(|name| ("collection", name));
        let request = request.query(collection.as_slice());
        let response = request.body(Body::wrap_stream(lines)).send().await?;
        match response.status() {
            StatusCode::ACCEPTED => {
                let job = ResponseValue::<Job>::from_response(response).await?;
                Ok(job.into_inner())
            }
            status if status.is_client_error() || status.is_server_error() => {
                let problem = ResponseValue::from_response(response).await?;
                Err(Error::ErrorResponse(problem))
            }
            _ => Err(Error::UnexpectedResponse(response)),
        }
    }
}
