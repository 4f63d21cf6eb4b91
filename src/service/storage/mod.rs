//! Namespaces of keys and values: read whole, changed only by those who have seen them.

mod bucket;

use std::collections::BTreeMap;

use super::Service;
use super::precondition::Preconditions;
use crate::auth::Caller;
use crate::blob::{Bucket, BucketKind};
use crate::clock::Timestamp;
use crate::document::{Document, DocumentError};
use crate::error::{Error, Violation};
use crate::ids::{GptId, NamespaceName, Tenant};
use crate::store::{EntryChange, NamespacePart, NamespacePatch, PatchedNamespace, WriteError};
use bucket::BucketNamespaces;

/// Where namespaces are kept.
#[derive(Clone, Debug)]
pub(super) enum Storage {
    /// Rows in the database.
    Local,
    /// Objects in a bucket.
    Bucket(BucketNamespaces),
}

/// How much of a namespace is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NamespaceView {
    /// All of it.
    Whole,
    /// The keys after `after`, until their entries would take more than `max_bytes`.
    Part {
        /// Empty to begin at the first key.
        after: String,
        /// Bytes of entries; one entry that is larger comes alone.
        max_bytes: i64,
    },
}

/// A namespace, or a part of it.
#[derive(Clone, Debug)]
pub struct Namespace {
    /// 0 when nothing was ever stored in it.
    pub version: i64,
    /// The application that wrote last.
    pub updated_by: Option<String>,
    /// When it was changed last.
    pub updated_at: Option<Timestamp>,
    /// The snapshot, a JSON object, if it was asked for.
    pub snapshot: Option<String>,
    /// The key after which the next part begins.
    pub next_after: Option<String>,
}

/// The answer to a question for a namespace of another version than those that the caller knows.
#[derive(Clone, Debug)]
pub enum Found {
    /// It has another version.
    Changed(Namespace),
    /// The caller knows this version.
    Unchanged {
        /// 0 when nothing was ever stored in it.
        version: i64,
    },
}

/// One operation on a key.
#[derive(Clone, Debug)]
pub enum KeyChange {
    /// The key gets this value.
    Set(String, Document),
    /// The key goes, if it is there.
    Delete(String),
}

/// A change of a namespace.
#[derive(Clone, Debug)]
pub struct PatchStorage {
    /// Applied in order, all or nothing.
    pub changes: Vec<KeyChange>,
    /// The application that makes it.
    pub app_id: String,
    /// What must hold; a change without any is refused.
    pub preconditions: Preconditions,
    /// Whether the answer shall have the snapshot.
    pub wants_snapshot: bool,
}

impl Service {
    /// The same service, with namespaces in `bucket` instead of the database.
    #[must_use]
    pub fn with_namespaces_in(mut self, bucket: Bucket) -> Self {
        self.storage = Storage::Bucket(BucketNamespaces::new(bucket));
        self
    }

    /// Where namespaces are kept, as `X-Storage-Backend` names it.
    #[must_use]
    pub fn storage_backend(&self) -> &'static str {
        match &self.storage {
            Storage::Local => "local",
            Storage::Bucket(objects) => match objects.kind() {
                BucketKind::File => "file",
                BucketKind::S3 => "s3",
                BucketKind::Gcs => "gcs",
            },
        }
    }

    /// Where namespaces are kept and under which paths, as JSON, for developers.
    #[must_use]
    pub fn storage_info(&self) -> String {
        let paths = match &self.storage {
            Storage::Local => serde_json::json!({
                "namespace": "kv_namespaces/{gpt_id}/{namespace}",
                "entry": "kv_entries/{gpt_id}/{namespace}/{key}",
            }),
            Storage::Bucket(_) => serde_json::json!({ "namespace": BucketNamespaces::path() }),
        };
        let backend = self.storage_backend();
        serde_json::json!({ "backend": backend, "paths": paths }).to_string()
    }

    /// The namespace, or a part of it, unless `known` names its version. One that was never written
    /// is empty.
    ///
    /// # Errors
    /// The store's.
    pub async fn get_storage(
        &self,
        caller: &Caller,
        name: &NamespaceName,
        view: &NamespaceView,
        known: &Preconditions,
    ) -> Result<Found, Error> {
        let tenant = caller.tenant();
        let namespace = match &self.storage {
            // Its object is read at once, so its version costs no request of its own.
            Storage::Bucket(objects) => objects.read(tenant, name, view).await?,
            Storage::Local => {
                if !known.is_empty() {
                    let row = self.store.get_namespace(tenant, name).await?;
                    let version = row.map_or(0, |row| row.version);
                    if known.names(version) {
                        return Ok(Found::Unchanged { version });
                    }
                }
                self.read_rows(tenant, name, view).await?
            }
        };
        let version = namespace.version;
        Ok(if known.names(version) {
            Found::Unchanged { version }
        } else {
            Found::Changed(namespace)
        })
    }

    async fn read_rows(
        &self,
        tenant: &Tenant,
        name: &NamespaceName,
        view: &NamespaceView,
    ) -> Result<Namespace, Error> {
        let found = match view {
            NamespaceView::Whole => self.store.read_namespace(tenant, name).await?,
            NamespaceView::Part { after, max_bytes } => {
                self.store
                    .read_namespace_part(tenant, name, after, *max_bytes)
                    .await?
            }
        };
        Ok(found.map_or_else(Namespace::never_written, Namespace::from))
    }

    /// Changes the namespace, if it has the version that the caller saw.
    ///
    /// # Errors
    /// [`Error::PreconditionRequired`] without a condition, [`Error::PreconditionFailed`] with the
    /// current version, [`Error::InvalidDocument`] for a key that cannot be kept, under the
    /// operation's index, [`Error::TooLarge`] when the namespace would be; the store's.
    pub async fn patch_storage(
        &self,
        caller: &Caller,
        name: &NamespaceName,
        patch: PatchStorage,
    ) -> Result<Namespace, Error> {
        if patch.preconditions.is_empty() {
            return Err(Error::PreconditionRequired);
        }
        let write = NamespacePatch {
            changes: last_of_each_key(&patch.changes)?,
            updated_by: patch.app_id,
            wants_entries: patch.wants_snapshot,
        };
        let tenant = caller.tenant();
        let check_version = |version| patch.preconditions.check_counted(version);
        let check_bytes = |bytes| self.check_namespace(bytes);
        if let Storage::Bucket(objects) = &self.storage {
            return objects
                .patch(tenant, name, &write, check_version, check_bytes)
                .await;
        }
        let patched = self
            .store
            .patch_namespace(
                tenant,
                name,
                &write,
                Timestamp::now,
                check_version,
                check_bytes,
            )
            .await;
        patched.map(Namespace::from).map_err(|error| match error {
            WriteError::Refused(error) => error,
            WriteError::Store(error) => error.into(),
        })
    }

    /// Removes what a deleted GPT has outside of the database.
    pub(super) async fn purge_storage(&self, gpt_id: &GptId) -> Result<(), Error> {
        match &self.storage {
            Storage::Local => Ok(()),
            Storage::Bucket(objects) => objects.purge(gpt_id).await,
        }
    }

    /// How many namespaces of the GPT lie in a bucket, and their bytes, if that is where they are.
    pub(super) async fn namespaces_in_bucket(
        &self,
        gpt_id: &GptId,
    ) -> Result<Option<(i64, i64)>, Error> {
        match &self.storage {
            Storage::Local => Ok(None),
            Storage::Bucket(objects) => Ok(Some(objects.count(gpt_id).await?)),
        }
    }

    /// Whether a snapshot of `bytes` is within the limit.
    fn check_namespace(&self, bytes: i64) -> Result<(), Error> {
        let limit = self.limits.namespace_bytes;
        if usize::try_from(bytes).is_ok_and(|bytes| bytes <= limit) {
            return Ok(());
        }
        Err(Error::TooLarge {
            what: "The namespace",
            limit,
        })
    }
}

/// What is left of `changes` when of those of one key only the last counts.
fn last_of_each_key(changes: &[KeyChange]) -> Result<Vec<EntryChange>, Error> {
    let mut last = BTreeMap::new();
    for (index, change) in changes.iter().enumerate() {
        let unfit = |error: DocumentError| {
            Error::InvalidDocument(Violation::new(format!("/{index}/key"), error.to_string()))
        };
        let (key, entry) = match change {
            KeyChange::Set(key, value) => (key, Some(value.to_member(key).map_err(unfit)?)),
            KeyChange::Delete(key) => (key, None),
        };
        last.insert(key.clone(), entry);
    }
    let changes = last.into_iter();
    Ok(changes
        .map(|(key, entry)| EntryChange { key, entry })
        .collect())
}

impl Namespace {
    fn never_written() -> Self {
        Self {
            version: 0,
            updated_by: None,
            updated_at: None,
            snapshot: Some("{}".to_owned()),
            next_after: None,
        }
    }
}

impl From<NamespacePart> for Namespace {
    fn from(part: NamespacePart) -> Self {
        Self {
            version: part.row.version,
            updated_by: Some(part.row.updated_by),
            updated_at: Some(part.row.updated_at),
            snapshot: Some(format!("{{{}}}", part.entries)),
            next_after: part.next_after,
        }
    }
}

impl From<PatchedNamespace> for Namespace {
    fn from(patched: PatchedNamespace) -> Self {
        Self {
            version: patched.row.version,
            updated_by: Some(patched.row.updated_by),
            updated_at: Some(patched.row.updated_at),
            snapshot: patched.entries.map(|entries| format!("{{{entries}}}")),
            next_after: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Limits;

    fn set(key: &str, value: &str) -> KeyChange {
        KeyChange::Set(
            key.to_owned(),
            Document::parse(value, &Limits::default()).unwrap(),
        )
    }

    #[test]
    fn the_last_change_of_a_key_counts() {
        let changes = [
            set("b", "1"),
            set("a", "1.50"),
            KeyChange::Delete("b".into()),
            set("a", "[2]"),
            KeyChange::Delete("c".into()),
            set("c", "null"),
        ];
        let left: Vec<_> = last_of_each_key(&changes)
            .unwrap()
            .into_iter()
            .map(|change| (change.key, change.entry))
            .collect();
        let entry = |text: &str| Some(text.to_owned());
        assert_eq!(
            left,
            [
                ("a".to_owned(), entry("\"a\":[2]")),
                ("b".to_owned(), None),
                ("c".to_owned(), entry("\"c\":null")),
            ]
        );
    }

    #[test]
    fn a_key_that_no_database_holds_is_named() {
        let error = last_of_each_key(&[set("a", "1"), set("b\0", "1")]).unwrap_err();
        let Error::InvalidDocument(place) = error else {
            panic!("{error}")
        };
        assert_eq!(place.pointer, "/1/key");
    }
}
