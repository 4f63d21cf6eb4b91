//! Idempotency keys: the same request twice is carried out once.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use crate::clock::Timestamp;
use crate::config::IDEMPOTENCY_TIME;
use crate::document::Document;
use crate::error::Error;
use crate::store::{Idempotency, ObjectRow};

/// A caller's idempotency key.
#[derive(Clone, Debug)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// The key, when the header, its twin, or both alike were sent. The header's value may be a
    /// structured-field string (`"abc"`) or bare (`abc`).
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] when the two differ, or the key is empty.
    pub fn parse(header: Option<&str>, twin: Option<&str>) -> Result<Option<Self>, Error> {
        let header = header.map(|text| {
            let unquoted = text
                .strip_prefix('"')
                .and_then(|rest| rest.strip_suffix('"'));
            unquoted.unwrap_or(text)
        });
        let key = match (header, twin) {
            (Some(header), Some(twin)) if header != twin => {
                let detail = "differs from the header Idempotency-Key";
                return Err(Error::invalid("/idempotency_key", detail));
            }
            (header, twin) => header.or(twin),
        };
        if key.is_some_and(str::is_empty) {
            return Err(Error::invalid("Idempotency-Key", "must not be empty"));
        }
        Ok(key.map(|key| Self(key.to_owned())))
    }

    /// The key and what it stands for; `request` is all that makes two requests the same.
    pub(super) fn of_request<'a>(
        &self,
        now: Timestamp,
        request: impl IntoIterator<Item = &'a str>,
    ) -> Idempotency {
        let mut fingerprint = Sha256::new();
        for part in request {
            // Lengths keep ("ab", "c") apart from ("a", "bc").
            fingerprint.update(part.len().to_be_bytes());
            fingerprint.update(part);
        }
        Idempotency {
            key_hash: Sha256::digest(&self.0).into(),
            fingerprint: fingerprint.finalize().into(),
            now,
            expires_at: now.plus(IDEMPOTENCY_TIME),
        }
    }
}

/// An object as it is kept for answering again.
#[derive(Serialize, Deserialize)]
pub(super) struct KeptObject {
    id: uuid::Uuid,
    collection: String,
    body: Box<RawValue>,
    version: i64,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl KeptObject {
    /// `row` as text.
    pub(super) fn write(row: &ObjectRow) -> Result<String, Error> {
        let kept = Self {
            id: row.id,
            collection: row.collection.to_string(),
            body: RawValue::from_string(row.body.as_str().to_owned()).map_err(internal)?,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        };
        serde_json::to_string(&kept).map_err(internal)
    }

    /// The row that [`KeptObject::write`] wrote.
    pub(super) fn read(text: &str) -> Result<ObjectRow, Error> {
        let kept: Self = serde_json::from_str(text).map_err(internal)?;
        Ok(ObjectRow {
            id: kept.id,
            collection: kept.collection.parse().map_err(internal)?,
            body: Document::from_canonical(kept.body.get().to_owned()),
            version: kept.version,
            created_at: kept.created_at,
            updated_at: kept.updated_at,
        })
    }
}

pub(super) fn internal(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::Internal(Box::new(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(header: Option<&str>, twin: Option<&str>) -> Option<String> {
        IdempotencyKey::parse(header, twin)
            .unwrap()
            .map(|key| key.0)
    }

    #[test]
    fn header_and_twin_are_one_key() {
        assert_eq!(parse(Some("\"a b\""), None).as_deref(), Some("a b"));
        assert_eq!(parse(Some("a"), Some("a")).as_deref(), Some("a"));
        assert_eq!(parse(None, Some("\"a\"")).as_deref(), Some("\"a\""));
        assert_eq!(parse(None, None), None);
        assert!(IdempotencyKey::parse(Some("a"), Some("b")).is_err());
        assert!(IdempotencyKey::parse(Some("\"\""), None).is_err());
    }

    #[test]
    fn fingerprints_keep_parts_apart() {
        let key = IdempotencyKey("k".into());
        let now = Timestamp::now();
        let of = |parts: [&'static str; 2]| key.of_request(now, parts).fingerprint;
        assert_ne!(of(["ab", "c"]), of(["a", "bc"]));
        assert_eq!(of(["ab", "c"]), of(["ab", "c"]));
    }
}
