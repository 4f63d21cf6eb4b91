//! Namespaces of keys and values, with their versions as values.

use reqwest::header::ETAG;
use serde_json::{Map, Value};

use crate::conditional::{Outcome, conflict};
use crate::types::{
    Problem, StorageOperation, StorageOperationKind, StoragePatch, StorageSnapshot,
};
use crate::{Client, Error, ResponseValue};

/// How often [`Client::update_namespace`] tries again after losing a race.
const ATTEMPTS: usize = 64;

/// A namespace at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// 0 when nothing was ever stored in it; one more with every patch.
    pub version: i64,
    /// Its keys with their values.
    pub entries: Map<String, Value>,
}

/// One change of a namespace.
#[derive(Clone, Debug, PartialEq)]
pub enum KeyChange {
    /// The key gets this value.
    Set(String, Value),
    /// The key goes, if it is there.
    Delete(String),
}

impl Client {
    /// The whole namespace; one that was never written is empty.
    ///
    /// # Errors
    /// As `get_storage`.
    pub async fn read_namespace(&self, namespace: &str) -> Result<Snapshot, Error<Problem>> {
        let answer = self.get_storage().ns(namespace).send().await?;
        Ok(answer.into())
    }

    /// Applies `changes` in order, all or nothing, if the namespace still has `version`; 0 makes
    /// one. `app_id` is kept as the last writer.
    ///
    /// # Errors
    /// As `patch_storage`; a lost race is no error but [`Outcome::Conflict`].
    pub async fn patch_namespace(
        &self,
        namespace: &str,
        version: i64,
        app_id: &str,
        changes: Vec<KeyChange>,
    ) -> Result<Outcome<Snapshot>, Error<Problem>> {
        let patch = StoragePatch {
            operations: changes.into_iter().map(StorageOperation::from).collect(),
            if_match: None,
            app_id: None,
        };
        let sent = self
            .patch_storage()
            .ns(namespace)
            .if_match(format!("\"{version}\""))
            .x_thesara_app_id(app_id)
            .body(patch)
            .send()
            .await;
        match sent {
            Ok(answer) => Ok(Outcome::Done(answer.into())),
            Err(error) => conflict(error).map(Outcome::Conflict),
        }
    }

    /// Reads the namespace, asks `change` what to change, and applies that if nobody else was
    /// faster; otherwise does it all again.
    ///
    /// # Errors
    /// As `get_storage` and `patch_storage`; [`Outcome::Conflict`] after losing 64 races.
    pub async fn update_namespace(
        &self,
        namespace: &str,
        app_id: &str,
        mut change: impl FnMut(&Snapshot) -> Vec<KeyChange>,
    ) -> Result<Outcome<Snapshot>, Error<Problem>> {
        let mut attempt = 1;
        loop {
            let current = self.read_namespace(namespace).await?;
            let changes = change(&current);
            let outcome = self
                .patch_namespace(namespace, current.version, app_id, changes)
                .await?;
            if matches!(outcome, Outcome::Done(_)) || attempt == ATTEMPTS {
                return Ok(outcome);
            }
            attempt += 1;
        }
    }
}

impl From<ResponseValue<StorageSnapshot>> for Snapshot {
    fn from(answer: ResponseValue<StorageSnapshot>) -> Self {
        let tag = answer.headers().get(ETAG);
        let tag = tag.and_then(|tag| tag.to_str().ok()).unwrap_or_default();
        Self {
            version: tag.trim_matches('"').parse().unwrap_or(0),
            entries: answer.into_inner().0,
        }
    }
}

impl From<KeyChange> for StorageOperation {
    fn from(change: KeyChange) -> Self {
        let (op, key, value) = match change {
            KeyChange::Set(key, value) => (StorageOperationKind::Set, key, Some(value)),
            KeyChange::Delete(key) => (StorageOperationKind::Del, key, None),
        };
        Self {
            op,
            key,
            value,
            value_json: None,
        }
    }
}
