//! Files: the quota, uploads, sweeps and rotations, also where several meet.

use futures::future::join_all;
use uuid::Uuid;

use super::support::{migrated, on_both, on_both_alone, tenant, time};
use crate::clock::Timestamp;
use crate::ids::Tenant;
use crate::store::{
    BlobRow, ClaimedBlob, FileQuota, FileRefusal, FileUsage, Rewrapped, Store, StoredFile,
    StoredPart, StoredUpload, UploadStage, UploadedPart, WriteError,
};

const QUOTA: FileQuota = FileQuota {
    files: 5,
    bytes: 100,
};

fn blob(bytes: u64) -> BlobRow {
    BlobRow {
        id: Uuid::now_v7(),
        bytes,
        stored_bytes: bytes + 100,
        sha256: [7; 32],
        key_id: 1,
        wrapped_key: Uuid::now_v7().as_bytes().to_vec(),
        created_at: time(1),
    }
}

/// A file that is there until `expires_at`.
fn file(bytes: u64, expires_at: Timestamp) -> StoredFile {
    StoredFile {
        id: Uuid::now_v7(),
        filename: "größe.txt".to_owned(),
        purpose: "user_data".to_owned(),
        content_type: "text/plain".to_owned(),
        bytes,
        sha256: [7; 32],
        created_at: time(1),
        expires_at,
        collections: None,
    }
}

async fn create(store: &Store, tenant: &Tenant, bytes: u64) -> Result<Uuid, FileRefusal> {
    let (file, blob) = (file(bytes, time(1000)), blob(bytes));
    match store.create_file(tenant, &file, &blob, QUOTA).await {
        Ok(()) => Ok(file.id),
        Err(WriteError::Refused(refusal)) => Err(refusal),
        Err(WriteError::Store(error)) => panic!("{error:?}"),
    }
}

async fn upload(store: &Store, tenant: &Tenant, expires_at: Timestamp) -> Uuid {
    let upload = StoredUpload {
        id: Uuid::now_v7(),
        filename: "a".to_owned(),
        purpose: "batch".to_owned(),
        content_type: "text/plain".to_owned(),
        bytes: 6,
        lifetime_seconds: 60,
        stage: UploadStage::Pending,
        file_id: None,
        created_at: time(1),
        expires_at,
    };
    store.create_upload(tenant, &upload).await.unwrap();
    assert_eq!(
        store.get_upload(tenant, upload.id).await.unwrap(),
        Some(upload.clone())
    );
    upload.id
}

async fn add(
    store: &Store,
    tenant: &Tenant,
    upload: Uuid,
    position: Option<u32>,
    bytes: u64,
) -> Result<StoredPart, FileRefusal> {
    let part = UploadedPart {
        upload,
        id: Uuid::now_v7(),
        position,
        blob: blob(bytes),
    };
    match store.add_part(tenant, &part, QUOTA, time(2)).await {
        Ok(part) => Ok(part),
        Err(WriteError::Refused(refusal)) => Err(refusal),
        Err(WriteError::Store(error)) => panic!("{error:?}"),
    }
}

async fn usage(store: &Store, tenant: &Tenant) -> (u64, u64) {
    let FileUsage { files, bytes } = store.file_usage(tenant).await.unwrap();
    (files, bytes)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_quota_is_never_overrun() {
    on_both(async |store| {
        let (many, large) = (tenant(&store).await, tenant(&store).await);
        let created = join_all((0..20).map(|_| create(&store, &many, 1))).await;
        assert_eq!(created.iter().filter(|result| result.is_ok()).count(), 5);
        assert!(created.contains(&Err(FileRefusal::TooManyFiles)));
        assert_eq!(usage(&store, &many).await, (5, 5));

        let created = join_all((0..4).map(|_| create(&store, &large, 40))).await;
        assert_eq!(created.iter().filter(|result| result.is_ok()).count(), 2);
        assert!(created.contains(&Err(FileRefusal::TooManyBytes)));
        assert_eq!(usage(&store, &large).await, (2, 80));
        let upload = upload(&store, &large, time(1000)).await;
        assert_eq!(
            add(&store, &large, upload, None, 21).await,
            Err(FileRefusal::TooManyBytes)
        );
        add(&store, &large, upload, Some(1), 20).await.unwrap();
        // What it replaces makes room for it.
        add(&store, &large, upload, Some(1), 19).await.unwrap();
        assert_eq!(usage(&store, &large).await, (2, 99));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_delete_a_file_one_does() {
    on_both(async |store| {
        let tenant = tenant(&store).await;
        let id = create(&store, &tenant, 10).await.unwrap();
        let deletions = (0..8).map(|_| store.delete_file(&tenant, id, time(3)));
        let deleted = join_all(deletions).await;
        let done = deleted.into_iter().map(Result::unwrap).filter(|done| *done);
        assert_eq!(done.count(), 1);
        assert_eq!(usage(&store, &tenant).await, (0, 0));
        let found = store.get_file(&tenant, id, time(3)).await.unwrap();
        assert_eq!(found, None);
        assert!(store.file_blobs(&tenant, id).await.unwrap().is_empty());
        let position = store.file_position(&tenant, id).await.unwrap();
        assert_eq!(position, Some((time(1), id)));
    })
    .await;
}

#[tokio::test]
async fn parts_become_segments_in_the_order_named() {
    on_both(async |store| {
        let tenant = tenant(&store).await;
        let id = upload(&store, &tenant, time(1000)).await;
        let first = add(&store, &tenant, id, None, 1).await.unwrap();
        let third = add(&store, &tenant, id, Some(3), 3).await.unwrap();
        let last = add(&store, &tenant, id, None, 4).await.unwrap();
        assert_eq!((first.position, last.position), (1, 4));
        let again = add(&store, &tenant, id, Some(1), 2).await.unwrap();
        assert_eq!(again.id, first.id);
        assert_eq!(
            add(&store, &tenant, id, Some(10_001), 1).await,
            Err(FileRefusal::TooManyParts)
        );
        let complete = async |parts: &[StoredPart], at| {
            let made = file(6, time(1000));
            let done = store.complete_upload(&tenant, id, &made, parts, QUOTA, at);
            match done.await {
                Ok(()) => Ok(made.id),
                Err(WriteError::Refused(refusal)) => Err(refusal),
                Err(WriteError::Store(error)) => panic!("{error:?}"),
            }
        };
        let stale = complete(&[last.clone(), first], time(2)).await;
        assert_eq!(stale, Err(FileRefusal::PartsChanged));
        let late = complete(std::slice::from_ref(&again), time(1000)).await;
        assert_eq!(late, Err(FileRefusal::Closed(UploadStage::Expired)));
        let parts = [last, again];
        let made = complete(&parts, time(2)).await.unwrap();
        let blobs = store.file_blobs(&tenant, made).await.unwrap();
        let ids: Vec<_> = blobs.iter().map(|blob| blob.id).collect();
        assert_eq!(ids, parts.each_ref().map(|part| part.blob));
        assert!(!ids.contains(&third.blob));
        assert_eq!(usage(&store, &tenant).await, (1, 6));
        assert!(store.upload_parts(&tenant, id).await.unwrap().is_empty());
        let twice = complete(&parts, time(2)).await;
        assert_eq!(twice, Err(FileRefusal::Closed(UploadStage::Completed)));
        let known = store.get_upload(&tenant, id).await.unwrap().unwrap();
        assert_eq!(
            (known.stage, known.file_id),
            (UploadStage::Completed, Some(made))
        );
    })
    .await;
}

#[tokio::test]
async fn uploads_end_as_what_they_are() {
    on_both_alone(async |settings| {
        let store = migrated(&settings).await;
        let tenant = tenant(&store).await;
        let (open, over) = (
            upload(&store, &tenant, time(1000)).await,
            upload(&store, &tenant, time(10)).await,
        );
        add(&store, &tenant, over, None, 5).await.unwrap();
        let end = async |id, stage, at| match store.end_upload(&tenant, id, stage, at).await {
            Ok(ended) => Ok(ended.stage),
            Err(WriteError::Refused(refusal)) => Err(refusal),
            Err(WriteError::Store(error)) => panic!("{error:?}"),
        };
        let (cancelled, expired) = (UploadStage::Cancelled, UploadStage::Expired);
        let found = store.expired_uploads(time(10), 10).await.unwrap();
        assert_eq!(found, [(tenant.gpt_id().clone(), over)]);
        assert_eq!(
            end(open, expired, time(10)).await,
            Err(FileRefusal::Closed(UploadStage::Pending))
        );
        assert_eq!(
            end(over, cancelled, time(10)).await,
            Err(FileRefusal::Closed(expired))
        );
        assert_eq!(end(over, expired, time(10)).await, Ok(expired));
        assert_eq!(end(open, cancelled, time(10)).await, Ok(cancelled));
        assert_eq!(
            end(open, cancelled, time(10)).await,
            Err(FileRefusal::Closed(cancelled))
        );
        assert_eq!(
            end(Uuid::now_v7(), cancelled, time(10)).await,
            Err(FileRefusal::NoUpload)
        );
        assert_eq!(usage(&store, &tenant).await, (0, 0));
        assert!(
            store
                .expired_uploads(time(2000), 10)
                .await
                .unwrap()
                .is_empty()
        );
        assert_eq!(store.forget_ended_files(time(10)).await.unwrap(), 1);
        store.close().await;
    })
    .await;
}

/// Claims one batch and gives the ids.
async fn claim(store: &Store, now: i64, limit: u64) -> Vec<ClaimedBlob> {
    let until = time(now + 100);
    store.claim_blobs(time(now), until, limit).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_blob_is_removed_by_one_purge_at_a_time() {
    on_both_alone(async |settings| {
        let store = migrated(&settings).await;
        let (tenant, at) = (tenant(&store).await, time(10));
        for _ in 0..5 {
            let id = create(&store, &tenant, 1).await.unwrap();
            assert!(claim(&store, 10, 100).await.is_empty(), "it is still read");
            assert!(store.delete_file(&tenant, id, at).await.unwrap());
            let _waiting = create(&store, &tenant, 1).await;
            let last = store.expired_files(time(1000), 100).await.unwrap();
            for (_, id) in last {
                store.delete_file(&tenant, id, time(5000)).await.unwrap();
            }
            let claimed = claim(&store, 10, 100).await;
            assert_eq!(claimed.len(), 1);
            assert_eq!(claimed[0].attempts, 1);
            assert!(
                claim(&store, 10, 100).await.is_empty(),
                "it was claimed twice"
            );
            store.settle_blobs(&claimed, &[]).await.unwrap();
        }
        let due = claim(&store, 5000, 2).await;
        assert_eq!(due.len(), 2, "a batch has its limit");
        let purges = (0..4).map(|_| claim(&store, 5000, 1));
        let mut all: Vec<_> = join_all(purges).await.concat();
        all.extend(due.clone());
        let mut ids: Vec<_> = all.iter().map(|blob| blob.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), all.len(), "two purges have one blob");
        // One that could not be removed comes again, and knows how often it was tried.
        store
            .settle_blobs(&due[1..], &[(due[0].clone(), time(5050))])
            .await
            .unwrap();
        assert!(
            claim(&store, 5049, 10)
                .await
                .iter()
                .all(|blob| blob.id != due[0].id)
        );
        let again = claim(&store, 5050, 10).await;
        assert_eq!((again[0].id, again[0].attempts), (due[0].id, 2));
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn rows_of_deleted_files_stay_until_their_bytes_have_gone() {
    on_both_alone(async |settings| {
        let store = migrated(&settings).await;
        let tenant = tenant(&store).await;
        let id = create(&store, &tenant, 1).await.unwrap();
        store.delete_file(&tenant, id, time(5)).await.unwrap();
        assert_eq!(store.forget_ended_files(time(100)).await.unwrap(), 0);
        let claimed = claim(&store, 5, 10).await;
        let (gpt_id, all) = (tenant.gpt_id(), [claimed[0].id, Uuid::now_v7()]);
        assert_eq!(
            store.known_blobs(gpt_id, &all).await.unwrap(),
            [claimed[0].id]
        );
        store.settle_blobs(&claimed, &[]).await.unwrap();
        assert!(store.known_blobs(gpt_id, &all).await.unwrap().is_empty());
        assert_eq!(store.forget_ended_files(time(4)).await.unwrap(), 0);
        assert_eq!(store.forget_ended_files(time(100)).await.unwrap(), 1);
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn keys_are_rewrapped_page_by_page_and_never_over_a_newer_one() {
    on_both_alone(async |settings| {
        let store = migrated(&settings).await;
        for _ in 0..3 {
            let tenant = tenant(&store).await;
            create(&store, &tenant, 1).await.unwrap();
        }
        let first = store.blobs_to_rewrap(2, None, 2).await.unwrap();
        let rest = store.blobs_to_rewrap(2, first.last(), 2).await.unwrap();
        assert_eq!((first.len(), rest.len()), (2, 1));
        let rewrap = |key: u8| {
            let all = first.iter().chain(&rest).cloned();
            let all = all.map(|before| Rewrapped {
                before,
                key_id: 2,
                wrapped_key: vec![key; 60],
            });
            all.collect::<Vec<_>>()
        };
        assert_eq!(store.rewrap_blobs(&rewrap(1)).await.unwrap(), 3);
        assert_eq!(store.rewrap_blobs(&rewrap(2)).await.unwrap(), 0);
        assert!(store.blobs_to_rewrap(2, None, 2).await.unwrap().is_empty());
        let kept = store.blobs_to_rewrap(3, None, 9).await.unwrap();
        assert!(kept.iter().all(|found| found.blob.wrapped_key == [1; 60]));
        store.close().await;
    })
    .await;
}
