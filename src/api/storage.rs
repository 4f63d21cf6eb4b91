//! The operations on namespaces of keys and values.

use super::Handlers;
use super::convert::{entity_tag, preconditions};
use super::generated::defaults;
use super::generated::operations::{
    GetStorageParams, GetStorageReply, PatchStorageParams, PatchStorageReply, StorageHandlers,
};
use super::generated::types::{
    self, StorageOperationKind, StoragePatchView, StorageSnapshot, StorageView,
};
use super::problem::Problem;
use super::wire::RawJson;
use crate::auth::Caller;
use crate::document::Document;
use crate::error::Error;
use crate::ids::NamespaceName;
use crate::service::{Found, KeyChange, Namespace, NamespaceView, PatchStorage, parse_value};

impl StorageHandlers for Handlers {
    async fn get_storage(
        &self,
        caller: Caller,
        request: GetStorageParams,
    ) -> Result<GetStorageReply, Problem> {
        let name = namespace_name(&request.ns)?;
        let known = preconditions(
            ("If-None-Match", request.if_none_match_header.as_deref()),
            ("if_none_match", request.if_none_match.as_deref()),
        )?;
        let x_storage_backend = self.service.storage_backend().to_owned();
        let is_envelope = request.view == Some(StorageView::Envelope);
        let view = self.view(is_envelope, request.after, request.max_bytes)?;
        let found = self
            .service
            .get_storage(&caller, &name, &view, &known)
            .await?;
        Ok(match found {
            Found::Unchanged { version } => GetStorageReply::NotModified {
                e_tag: entity_tag(version),
                x_storage_backend,
            },
            Found::Changed(namespace) => GetStorageReply::Ok {
                e_tag: entity_tag(namespace.version),
                x_storage_backend,
                body: if is_envelope {
                    envelope(&namespace)?
                } else {
                    snapshot(&namespace)
                },
            },
        })
    }

    async fn patch_storage(
        &self,
        caller: Caller,
        request: PatchStorageParams,
    ) -> Result<PatchStorageReply, Problem> {
        let name = namespace_name(&request.ns)?;
        let sent = &request.body;
        let preconditions = preconditions(
            ("If-Match", request.if_match.as_deref()),
            ("/if_match", sent.if_match.as_deref()),
        )?;
        let app_id = app_id(request.x_thesara_app_id.as_deref(), sent.app_id.as_deref())?;
        let prefers_minimal = request.prefer.as_deref().is_some_and(prefers_minimal);
        let view = request.view.unwrap_or(if prefers_minimal {
            StoragePatchView::Minimal
        } else {
            StoragePatchView::Snapshot
        });
        let place = if sent.is_bare_array {
            ""
        } else {
            "/operations"
        };
        let patched = async {
            let patch = PatchStorage {
                changes: self.key_changes(&sent.operations)?,
                app_id,
                preconditions,
                wants_snapshot: view != StoragePatchView::Minimal,
            };
            self.service.patch_storage(&caller, &name, patch).await
        };
        let namespace = patched.await.map_err(|error| error.under(place))?;
        tracing::info!(
            gpt_id = %caller.tenant().gpt_id(),
            app_id = namespace.updated_by,
            version = namespace.version,
            "namespace patched"
        );
        let body = match view {
            StoragePatchView::Snapshot => snapshot(&namespace),
            StoragePatchView::Envelope => envelope(&namespace)?,
            StoragePatchView::Minimal => version_only(&namespace),
        };
        Ok(self.patched(
            &namespace,
            prefers_minimal && view == StoragePatchView::Minimal,
            body,
        ))
    }
}

impl Handlers {
    fn view(
        &self,
        is_envelope: bool,
        after: Option<String>,
        max_bytes: Option<i64>,
    ) -> Result<NamespaceView, Error> {
        if is_envelope {
            return Ok(NamespaceView::Part {
                after: after.unwrap_or_default(),
                max_bytes: max_bytes.unwrap_or(defaults::GET_STORAGE_MAX_BYTES),
            });
        }
        let alone = |name: &str| Error::invalid(name, "goes only with view=envelope");
        match (after, max_bytes) {
            (None, None) => Ok(NamespaceView::Whole),
            (Some(_), _) => Err(alone("after")),
            (None, Some(_)) => Err(alone("max_bytes")),
        }
    }

    /// The operations with their values read; faults are placed under the operation's index.
    fn key_changes(&self, sent: &[types::StorageOperation]) -> Result<Vec<KeyChange>, Error> {
        let each = sent.iter().enumerate().map(|(index, operation)| {
            self.key_change(operation)
                .map_err(|error| error.under(&format!("/{index}")))
        });
        each.collect()
    }

    fn key_change(&self, sent: &types::StorageOperation) -> Result<KeyChange, Error> {
        let key = sent.key.clone();
        match (sent.op, &sent.value, &sent.value_json) {
            (StorageOperationKind::Set, Some(value), None) => {
                Ok(KeyChange::Set(key, self.value(value.get(), "/value")?))
            }
            (StorageOperationKind::Set, None, Some(text)) => {
                Ok(KeyChange::Set(key, self.value(text, "/value_json")?))
            }
            (StorageOperationKind::Set, None, None) => {
                let detail = "is missing: send the value, or its JSON text in value_json";
                Err(Error::invalid("/value", detail))
            }
            (StorageOperationKind::Set, Some(_), Some(_)) => Err(Error::invalid(
                "/value_json",
                "send value or value_json, not both",
            )),
            (StorageOperationKind::Del, None, None) => Ok(KeyChange::Delete(key)),
            (StorageOperationKind::Del, Some(_), _) => Err(Error::invalid(
                "/value",
                "does not go with the operation del",
            )),
            (StorageOperationKind::Del, None, Some(_)) => Err(Error::invalid(
                "/value_json",
                "does not go with the operation del",
            )),
        }
    }

    fn value(&self, text: &str, place: &str) -> Result<Document, Error> {
        let limits = self.service.limits().document();
        parse_value(text, &limits).map_err(|error| error.under(place))
    }

    fn patched(
        &self,
        namespace: &Namespace,
        is_preference_applied: bool,
        body: StorageSnapshot,
    ) -> PatchStorageReply {
        let e_tag = entity_tag(namespace.version);
        let x_storage_backend = self.service.storage_backend().to_owned();
        let preference_applied = is_preference_applied.then(|| "return=minimal".to_owned());
        if namespace.version == 1 {
            PatchStorageReply::Created {
                e_tag,
                x_storage_backend,
                preference_applied,
                body,
            }
        } else {
            PatchStorageReply::Ok {
                e_tag,
                x_storage_backend,
                preference_applied,
                body,
            }
        }
    }
}

/// A name that the contract's pattern has already let through.
fn namespace_name(name: &str) -> Result<NamespaceName, Error> {
    name.parse()
        .map_err(|error: crate::ids::InvalidName| Error::invalid("ns", error.to_string()))
}

/// The application, from the header or its twin.
fn app_id(header: Option<&str>, twin: Option<&str>) -> Result<String, Error> {
    match (header, twin) {
        (Some(header), Some(twin)) if header != twin => Err(Error::invalid(
            "/app_id",
            "differs from the header X-Thesara-App-Id",
        )),
        (Some(app_id), _) | (None, Some(app_id)) => Ok(app_id.to_owned()),
        (None, None) => Err(Error::invalid(
            "X-Thesara-App-Id",
            "is missing: say which application makes the change, here or as app_id in the body",
        )),
    }
}

/// Whether `Prefer` asks for a minimal answer (RFC 7240, 4.2). Of a preference that is repeated
/// the first counts (RFC 7240, 2).
fn prefers_minimal(prefer: &str) -> bool {
    let mut preferences = prefer.split(',').map(|preference| {
        let (preference, _parameters) = preference.split_once(';').unwrap_or((preference, ""));
        let (name, value) = preference.split_once('=').unwrap_or((preference, ""));
        (name.trim(), value.trim().trim_matches('"'))
    });
    let first = preferences.find(|(name, _)| name.eq_ignore_ascii_case("return"));
    first.is_some_and(|(_, value)| value.eq_ignore_ascii_case("minimal"))
}

fn snapshot(namespace: &Namespace) -> StorageSnapshot {
    let text = namespace.snapshot.as_deref().unwrap_or("{}");
    StorageSnapshot(RawJson::from_text(text))
}

fn version_only(namespace: &Namespace) -> StorageSnapshot {
    let text = format!("{{\"version\":{}}}", namespace.version);
    StorageSnapshot(RawJson::from_text(text))
}

/// The namespace with what its headers say.
#[derive(serde::Serialize)]
struct Envelope<'a> {
    version: i64,
    updated_by: Option<&'a str>,
    updated_at: Option<crate::clock::Timestamp>,
    snapshot: StorageSnapshot,
    has_more: bool,
    next_after: Option<&'a str>,
}

fn envelope(namespace: &Namespace) -> Result<StorageSnapshot, Error> {
    let envelope = Envelope {
        version: namespace.version,
        updated_by: namespace.updated_by.as_deref(),
        updated_at: namespace.updated_at,
        snapshot: snapshot(namespace),
        has_more: namespace.next_after.is_some(),
        next_after: namespace.next_after.as_deref(),
    };
    let text =
        serde_json::to_string(&envelope).map_err(|error| Error::Internal(Box::new(error)))?;
    Ok(StorageSnapshot(RawJson::from_text(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_preference_for_a_return_counts() {
        for prefer in [
            "return=minimal",
            "Return = \"minimal\"",
            "wait=5, return=minimal;x=1",
        ] {
            assert!(prefers_minimal(prefer), "{prefer}");
        }
        for prefer in [
            "",
            "return",
            "return=representation, return=minimal",
            "minimal",
        ] {
            assert!(!prefers_minimal(prefer), "{prefer}");
        }
    }
}
