//! What the record of calls says of a request: who, what, and how it went. Of what the request says
//! only sizes and names: never a body, a filter, the name of a file, or a key.

use poem::Request;
use poem::http::header::CONTENT_LENGTH;
use serde::Serialize;
use uuid::Uuid;

use super::{Behalf, Call, Seen};
use crate::clock::Timestamp;
use crate::document::Document;
use crate::service::AuditRow;

/// The header in which callers name their application.
const APP_ID: &str = "x-thesara-app-id";
/// The longest name of an application that is recorded.
const APP_ID_LENGTH: usize = 128;
/// The longest name of a query parameter in the contract, and some.
const PARAMETER_LENGTH: usize = 32;
/// The most names of query parameters that are recorded.
const PARAMETERS: usize = 32;

/// What is recorded of a request, taken before the request is handed on.
pub(super) struct Told {
    at: Timestamp,
    app_id: Option<String>,
    body_bytes: Option<u64>,
    query: String,
}

/// The request as the record has it.
#[derive(Serialize)]
struct Summary<'a> {
    body_bytes: Option<u64>,
    query: Vec<&'a str>,
    query_bytes: usize,
}

impl Told {
    /// What `request` tells.
    pub(super) fn of(request: &Request) -> Self {
        let header = |name: &str| request.headers().get(name)?.to_str().ok();
        let is_fit = |id: &&str| {
            (1..=APP_ID_LENGTH).contains(&id.len())
                && id.bytes().all(|byte| byte.is_ascii_graphic())
        };
        let length = header(CONTENT_LENGTH.as_str());
        Self {
            at: Timestamp::now(),
            app_id: header(APP_ID).filter(is_fit).map(str::to_owned),
            body_bytes: length.and_then(|length| length.parse().ok()),
            query: request.uri().query().unwrap_or_default().to_owned(),
        }
    }

    fn request(&self) -> Document {
        let summary = Summary {
            body_bytes: self.body_bytes,
            query: parameters(&self.query),
            query_bytes: self.query.len(),
        };
        // Numbers and names can be written; if not, the call is recorded without them.
        let text = serde_json::to_string(&summary).unwrap_or_else(|_| "{}".to_owned());
        Document::from_canonical(text)
    }

    /// The call to record; `None` for one that nobody with a good key, code or token made.
    pub(super) fn call(self, seen: &Seen, call: &Call, status: u16) -> Option<AuditRow> {
        let operation = call.operation()?;
        let behalf = match (call.behalf(), call.principal()) {
            (Some(behalf), _) => behalf.clone(),
            (None, principal) => Behalf::of(principal?),
        };
        Some(AuditRow {
            id: Uuid::now_v7(),
            gpt_id: behalf.gpt_id,
            key_id: behalf.key_id,
            operation: operation.id.to_owned(),
            method: operation.method.to_owned(),
            path: operation.path.to_owned(),
            request: self.request(),
            app_id: self.app_id,
            status: status.into(),
            milliseconds: seen.start.elapsed().as_secs_f64() * 1000.0,
            request_id: seen.id.clone(),
            client_address: call.address().to_string(),
            created_at: self.at,
            application_id: behalf.application_id,
            session_id: behalf.session_id,
            memory_service_request_id: call.forwarded().id().map(|id| id.to_string()),
        })
    }
}

/// The names in a query that can be names in the contract; a secret that stands where a name
/// belongs has other letters.
fn parameters(query: &str) -> Vec<&str> {
    let is_name = |name: &&str| {
        let letters = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
        (1..=PARAMETER_LENGTH).contains(&name.len()) && name.bytes().all(letters)
    };
    let names = query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, _)| name);
    names.filter(is_name).take(PARAMETERS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_and_values_are_not() {
        let query = "limit=5&filter=%7B%22a%22%3A1%7D&order&gos_KEY9=x&after[]=y&=z&max_bytes=";
        assert_eq!(parameters(query), ["limit", "filter", "max_bytes"]);
        assert_eq!(parameters(&"a=1&".repeat(100)).len(), PARAMETERS);
    }

    #[test]
    fn a_request_tells_sizes_and_its_application() {
        let request = Request::builder()
            .uri("/v1/limits?limit=secret".parse().unwrap())
            .header("content-length", "12")
            .header(APP_ID, "thesara")
            .header("authorization", "Bearer secret")
            .body("secret-body!");
        let told = Told::of(&request);
        let expected = r#"{"body_bytes":12,"query":["limit"],"query_bytes":12}"#;
        assert_eq!(told.request().as_str(), expected);
        assert_eq!(told.app_id.as_deref(), Some("thesara"));
        let unfit = Request::builder().header(APP_ID, "two words").finish();
        assert_eq!(Told::of(&unfit).app_id, None);
    }
}
