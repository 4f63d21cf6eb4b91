//! What a receiver gets: a change as Standard Webhooks (1.0) packs and signs it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde::Serialize;
use serde_json::value::RawValue;
use sha2::Sha256;
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::document::Document;
use crate::error::Error;
use crate::store::DueEvent;

/// A delivery, but for its signature.
pub(super) struct Message {
    /// Names it in every attempt, so that a receiver can tell that it has it already.
    pub(super) id: String,
    /// The payload.
    pub(super) body: String,
}

#[derive(Serialize)]
struct Payload<'a> {
    r#type: &'a str,
    timestamp: Timestamp,
    data: Data<'a>,
}

#[derive(Serialize)]
struct Data<'a> {
    gpt_id: &'a str,
    change_id: Uuid,
    collection: &'a str,
    id: Uuid,
    version: i64,
    created_at: Timestamp,
    updated_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<&'a RawValue>,
}

impl Message {
    /// The message of `event`, with the object's body unless it was deleted.
    ///
    /// # Errors
    /// Never in practice: documents are JSON.
    pub(super) fn new(
        gpt_id: &str,
        event: &DueEvent,
        body: Option<&Document>,
    ) -> Result<Self, Error> {
        let body = body.map(|body| serde_json::from_str(body.as_str()));
        let payload = Payload {
            r#type: event.kind.message_type(),
            timestamp: event.changed_at,
            data: Data {
                gpt_id,
                change_id: event.change_id,
                collection: event.collection.as_str(),
                id: event.object_id,
                version: event.version,
                created_at: event.created_at,
                updated_at: event.updated_at,
                body: body.transpose().map_err(internal)?,
            },
        };
        Ok(Self {
            id: event.message_id(),
            body: serde_json::to_string(&payload).map_err(internal)?,
        })
    }

    /// The signatures under all `keys`, as the header `webhook-signature` has them, for an attempt in
    /// this Unix second.
    pub(super) fn sign(&self, keys: &[Vec<u8>], second: i64) -> String {
        let signatures = keys.iter().map(|key| {
            let mut mac = Hmac::<Sha256>::new_from_slice(key)
                .unwrap_or_else(|_| unreachable!("HMAC takes keys of any length"));
            mac.update(format!("{}.{second}.", self.id).as_bytes());
            mac.update(self.body.as_bytes());
            format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
        });
        signatures.collect::<Vec<_>>().join(" ")
    }
}

fn internal(error: serde_json::Error) -> Error {
    Error::Internal(Box::new(error))
}
