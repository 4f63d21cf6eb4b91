//! Namespaces in a bucket: one object each, written only over the version that was read.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures::TryStreamExt;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::{Namespace, NamespaceView};
use crate::blob::{Bucket, BucketKind, Key, Revision, Swap};
use crate::clock::Timestamp;
use crate::document::Document;
use crate::error::Error;
use crate::ids::{GptId, NamespaceName, Tenant};
use crate::service::idempotency::internal;
use crate::store::{EntryChange, NamespacePatch};

/// The folder of the bucket that namespaces lie in, one folder for each GPT.
const FOLDER: &str = "namespaces";
/// How often a write that asks for no certain version is tried again over another one.
const ATTEMPTS: usize = 64;

/// Namespaces as objects of a bucket.
#[derive(Clone, Debug)]
pub(in crate::service) struct BucketNamespaces(Bucket);

/// A namespace as its object has it.
#[derive(Serialize, Deserialize)]
struct Kept {
    version: i64,
    updated_by: String,
    updated_at: Timestamp,
    /// Tells our own write from another's when the answer to it was lost.
    write_id: Uuid,
    snapshot: Box<RawValue>,
}

/// The entries as a snapshot has them, `"key":value`, by key.
type Entries = BTreeMap<String, String>;

impl BucketNamespaces {
    pub(super) fn new(bucket: Bucket) -> Self {
        Self(bucket)
    }

    pub(super) fn kind(&self) -> BucketKind {
        self.0.kind()
    }

    /// Where the object of a namespace lies, for people.
    pub(super) fn path() -> String {
        format!("{FOLDER}/{{gpt_id}}/{{namespace}}")
    }

    pub(super) async fn read(
        &self,
        tenant: &Tenant,
        name: &NamespaceName,
        view: &NamespaceView,
    ) -> Result<Namespace, Error> {
        let Some((kept, _)) = self.find(tenant, name).await? else {
            return Ok(Namespace::never_written());
        };
        match view {
            NamespaceView::Whole => Ok(kept.namespace(Some(kept.snapshot.get().to_owned()))),
            NamespaceView::Part { after, max_bytes } => kept.part(after, *max_bytes),
        }
    }

    /// As [`Store::patch_namespace`](crate::store::Store::patch_namespace).
    pub(super) async fn patch(
        &self,
        tenant: &Tenant,
        name: &NamespaceName,
        patch: &NamespacePatch,
        check_version: impl Fn(i64) -> Result<(), Error>,
        check_bytes: impl Fn(i64) -> Result<(), Error>,
    ) -> Result<Namespace, Error> {
        let key = key(tenant.gpt_id(), name)?;
        let write_id = Uuid::now_v7();
        for _ in 0..ATTEMPTS {
            let found = self.find(tenant, name).await?;
            let (kept, revision) = found.map_or((None, None), |(kept, at)| (Some(kept), Some(at)));
            if let Some(own) = kept.as_ref().filter(|kept| kept.write_id == write_id) {
                return Ok(own.answer(patch));
            }
            check_version(kept.as_ref().map_or(0, |kept| kept.version))?;
            let next =
                tokio::task::block_in_place(|| next(kept.as_ref(), patch, write_id, &check_bytes))?;
            let bytes = Bytes::from(serde_json::to_vec(&next).map_err(internal)?);
            if self.0.swap(&key, bytes, revision.as_ref()).await? == Swap::Done {
                return Ok(next.answer(patch));
            }
        }
        Err(Error::Unavailable("the namespace keeps changing".into()))
    }

    /// Removes everything that the GPT has.
    pub(super) async fn purge(&self, gpt_id: &GptId) -> Result<(), Error> {
        let folder = Key::new([FOLDER, gpt_id.as_str()]).map_err(internal)?;
        let mut found = self.0.list(Some(&folder));
        while let Some(listed) = found.try_next().await? {
            self.0.delete(&listed.key).await?;
        }
        Ok(())
    }

    /// How many namespaces the GPT has, and the bytes of their objects.
    pub(super) async fn count(&self, gpt_id: &GptId) -> Result<(i64, i64), Error> {
        let folder = Key::new([FOLDER, gpt_id.as_str()]).map_err(internal)?;
        let mut found = self.0.list(Some(&folder));
        let (mut namespaces, mut bytes) = (0, 0_i64);
        while let Some(listed) = found.try_next().await? {
            namespaces += 1;
            bytes = bytes.saturating_add(i64::try_from(listed.bytes).unwrap_or(i64::MAX));
        }
        Ok((namespaces, bytes))
    }

    async fn find(
        &self,
        tenant: &Tenant,
        name: &NamespaceName,
    ) -> Result<Option<(Kept, Revision)>, Error> {
        let stored = self.0.read(&key(tenant.gpt_id(), name)?).await?;
        stored
            .map(|stored| {
                let kept = serde_json::from_slice(&stored.bytes).map_err(internal)?;
                Ok((kept, stored.version))
            })
            .transpose()
    }
}

fn key(gpt_id: &GptId, name: &NamespaceName) -> Result<Key, Error> {
    Key::new([FOLDER, gpt_id.as_str(), name.as_str()]).map_err(internal)
}

/// The namespace after `patch`.
fn next(
    kept: Option<&Kept>,
    patch: &NamespacePatch,
    write_id: Uuid,
    check_bytes: impl Fn(i64) -> Result<(), Error>,
) -> Result<Kept, Error> {
    let mut entries = kept.map_or_else(|| Ok(Entries::new()), Kept::entries)?;
    for EntryChange { key, entry } in &patch.changes {
        match entry {
            Some(entry) => entries.insert(key.clone(), entry.clone()),
            None => entries.remove(key),
        };
    }
    let bytes = entries.values().map(|entry| entry.len() as i64 + 1).sum();
    check_bytes(bytes)?;
    let now = Timestamp::now();
    Ok(Kept {
        version: kept.map_or(0, |kept| kept.version) + 1,
        updated_by: patch.updated_by.clone(),
        // The clock of another replica may be behind.
        updated_at: kept.map_or(now, |kept| kept.updated_at.max(now)),
        write_id,
        snapshot: RawValue::from_string(snapshot(entries.values())).map_err(internal)?,
    })
}

fn snapshot<'a>(entries: impl Iterator<Item = &'a String>) -> String {
    let entries: Vec<&str> = entries.map(String::as_str).collect();
    format!("{{{}}}", entries.join(","))
}

impl Kept {
    fn entries(&self) -> Result<Entries, Error> {
        let members: BTreeMap<String, &RawValue> =
            serde_json::from_str(self.snapshot.get()).map_err(internal)?;
        let entries = members.into_iter().map(|(key, value)| {
            let value = Document::from_canonical(value.get().to_owned());
            let entry = value.to_member(&key).map_err(internal)?;
            Ok((key, entry))
        });
        entries.collect()
    }

    /// The keys after `after`, as far as `max_bytes` go, but at least one if there is one.
    fn part(&self, after: &str, max_bytes: i64) -> Result<Namespace, Error> {
        let entries = self.entries()?;
        let mut rest = entries
            .iter()
            .filter(|(key, _)| key.as_str() > after)
            .peekable();
        let (mut taken, mut bytes, mut last) = (Vec::new(), 0, None);
        while let Some((key, entry)) =
            rest.next_if(|(_, entry)| bytes == 0 || bytes + (entry.len() as i64) < max_bytes)
        {
            bytes += entry.len() as i64 + 1;
            taken.push(entry);
            last = Some(key.clone());
        }
        let mut part = self.namespace(Some(snapshot(taken.into_iter())));
        part.next_after = last.filter(|_| rest.peek().is_some());
        Ok(part)
    }

    fn answer(&self, patch: &NamespacePatch) -> Namespace {
        let snapshot = patch.wants_entries.then(|| self.snapshot.get().to_owned());
        self.namespace(snapshot)
    }

    fn namespace(&self, snapshot: Option<String>) -> Namespace {
        Namespace {
            version: self.version,
            updated_by: Some(self.updated_by.clone()),
            updated_at: Some(self.updated_at),
            snapshot,
            next_after: None,
        }
    }
}
