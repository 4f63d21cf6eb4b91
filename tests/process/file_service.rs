//! The service's files without HTTP: what refusals and broken streams leave, and what is counted.

use std::collections::BTreeMap;
use std::future::ready;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use futures::{TryStreamExt, stream};
use gpt_object_store::auth::{Caller, PartLinks, Principal, Scope, Who};
use gpt_object_store::blob::{Bucket, Vault};
use gpt_object_store::config::{Config, FileRules, Source};
use gpt_object_store::error::Error;
use gpt_object_store::service::{FileRow, Files, NewFile, Service};
use gpt_object_store::store::{DatabaseSettings, Store};

use super::file_calls::{FileFolder, KEY_1};
use super::on_each_database;
use crate::support::cluster::ScratchDatabase;

/// A service whose GPTs may have two files, and a caller.
async fn service(database: &ScratchDatabase, folder: &FileFolder) -> (Service, Caller) {
    let store = Store::connect(&DatabaseSettings::new(database.url())).await;
    let store = store.unwrap();
    store.migrate().await.unwrap();
    let limits = Config::read(Source::new(BTreeMap::new())).unwrap().limits;
    let bucket = Bucket::open(&folder.url(), &BTreeMap::new()).unwrap();
    let vault = Vault::new(bucket, KEY_1.parse().unwrap());
    let rules = FileRules {
        max_files: 2,
        ..FileRules::default()
    };
    let files = Files::new(rules, vault, PartLinks::new(b"secret").unwrap());
    let service = Service::new(store, limits).with_files(files);
    let gpt_id = "alice".parse().unwrap();
    service.create_gpt(&gpt_id, "Alice").await.unwrap();
    let principal = Principal {
        who: Who::Key {
            id: "key_1".to_owned(),
        },
        gpt_id: Some(gpt_id),
        scopes: "files:write".parse().unwrap(),
        collections: None,
        expires_at: None,
        revoked_at: None,
        rate_limits: None,
    };
    let caller = Caller::authorize(Arc::new(principal), Scope::FilesWrite, None);
    (service, caller.unwrap())
}

/// Stores a file of these pieces.
async fn create(
    service: &Service,
    caller: &Caller,
    pieces: Vec<Result<&'static str, Error>>,
    purpose: &str,
) -> Result<FileRow, Error> {
    let file = NewFile::new("file", "a".to_owned(), "text/plain".to_owned())?;
    let pieces = pieces.into_iter().map(|piece| piece.map(Bytes::from));
    let details = ready(service.file_details(purpose, None));
    service
        .create_file(caller, file, stream::iter(pieces), details)
        .await
}

on_each_database!(what_is_refused_leaves_nothing_and_what_is_done_is_counted);

async fn what_is_refused_leaves_nothing_and_what_is_done_is_counted(database: ScratchDatabase) {
    let folder = FileFolder::new();
    let (service, caller) = service(&database, &folder).await;
    let broken = vec![Ok("abc"), Err(Error::IncompleteBody)];
    let error = create(&service, &caller, broken, "batch")
        .await
        .unwrap_err();
    assert!(matches!(error, Error::IncompleteBody), "{error}");
    let error = create(&service, &caller, vec![Ok("abc")], "war").await;
    assert!(matches!(error, Err(Error::InvalidRequest(_))));
    folder.has(0).await;

    // Three at once see room for two each, and the lock lets two in.
    let three = [(); 3].map(|()| create(&service, &caller, vec![Ok("abc"), Ok("de")], "batch"));
    let created = futures::future::join_all(three).await;
    let (kept, refused): (Vec<_>, Vec<_>) = created.into_iter().partition(Result::is_ok);
    assert_eq!(kept.len(), 2);
    assert!(matches!(refused[0], Err(Error::QuotaExceeded(_))));
    folder.has(2).await;

    let id = &kept[0].as_ref().unwrap().id;
    let content = service.read_file(&caller, id).await.unwrap();
    let bytes = content.bytes(1..3).await.unwrap();
    let bytes: Vec<Bytes> = bytes.try_collect().await.unwrap();
    assert_eq!(bytes.concat(), b"bc");
    service.delete_file(&caller, id).await.unwrap();
    assert_eq!(folder.objects().len(), 2, "nobody has purged yet");
    let purged = service.purge_files().await.unwrap();
    assert_eq!((purged.removed, purged.failed, purged.expired), (1, 0, 0));
    folder.has(1).await;

    let counters = service.file_counters();
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    assert_eq!(count(&counters.uploads), 2);
    assert_eq!(count(&counters.uploaded_bytes), 10);
    assert_eq!(count(&counters.downloads), 1);
    assert_eq!(count(&counters.downloaded_bytes), 2);
    assert_eq!(count(&counters.storage_errors), 0);
    assert_eq!(count(&counters.swept), 1);
}
