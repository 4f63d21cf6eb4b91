//! Sealing and opening: what goes in comes out, from every bucket.

use bytes::Bytes;
use futures::{FutureExt, TryStreamExt};
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::TestRunner;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::support::{Place, Safe, noise, on_all, tenant};
use crate::blob::{BlobErrorKind, BucketKind, Segment};

const KIB_64: usize = 64 * 1024;

#[tokio::test]
async fn what_is_sealed_is_opened_at_every_length() {
    on_all(async |place| {
        let safe = Safe::new(place);
        let lengths = [0, 1, KIB_64 - 1, KIB_64, KIB_64 + 1, 3 * KIB_64 + 5];
        for length in lengths.into_iter().chain([11 * 1024 * 1024]) {
            let bytes = noise(length);
            let segment = safe.seal(&bytes).await.unwrap();
            assert_eq!(segment.sha256[..], Sha256::digest(&bytes)[..]);
            assert!(
                safe.open_whole(&segment).await.unwrap() == bytes,
                "{length}"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn what_the_bucket_holds_shows_nothing() {
    let safe = Safe::new(Place::new(BucketKind::File));
    let segment = safe
        .seal(&Bytes::from(vec![b'x'; 2 * KIB_64]))
        .await
        .unwrap();
    let stored = safe.stored(&segment).await;
    assert!(!stored.windows(8).any(|window| window == b"xxxxxxxx"));
    // Two blobs of the same bytes have nothing in common but the format.
    let other = safe
        .seal(&Bytes::from(vec![b'x'; 2 * KIB_64]))
        .await
        .unwrap();
    let other = safe.stored(&other).await;
    assert_eq!(stored[..8], other[..8]);
    let is_same = |index: &usize| stored[*index] == other[*index];
    let same = (72..stored.len()).filter(is_same).count();
    assert!(
        same < stored.len() / 128,
        "{same} of {} bytes",
        stored.len()
    );
}

#[tokio::test]
async fn the_parts_of_an_upload_are_read_as_one_file() {
    on_all(async |place| {
        let safe = Safe::new(place);
        let (segments, whole) = three_parts(&safe).await;
        let total = whole.len() as u64;
        assert!(safe.open(&segments, 0..total).await.unwrap() == whole);
        assert!(safe.open(&segments, 0..u64::MAX).await.unwrap() == whole);
        let from = KIB_64 + 3;
        let across = safe.open(&segments, from as u64..total - 7).await.unwrap();
        assert!(across == whole[from..whole.len() - 7]);
        assert!(
            safe.open(&segments, total..total + 9)
                .await
                .unwrap()
                .is_empty()
        );
    })
    .await;
}

/// Parts of 64 KiB and 5 bytes, of nothing, and of 130,000 bytes.
async fn three_parts(safe: &Safe) -> (Vec<Segment>, Bytes) {
    let parts = [noise(KIB_64 + 5), Bytes::new(), noise(130_000)];
    let mut segments = Vec::new();
    for part in &parts {
        segments.push(safe.seal(part).await.unwrap());
    }
    (segments, parts.concat().into())
}

#[test]
fn every_range_is_the_same_as_of_the_plain_bytes() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let safe = Safe::new(Place::new(BucketKind::File));
    let (segments, whole) = runtime.block_on(three_parts(&safe));
    let mut runner = TestRunner::default();
    let ends = (any::<Index>(), any::<Index>());
    runner
        .run(&ends, |(one, other)| {
            let ends = [one.index(whole.len() + 1), other.index(whole.len() + 1)];
            let range = ends[0].min(ends[1])..ends[0].max(ends[1]);
            let asked = range.start as u64..range.end as u64;
            let read = runtime.block_on(safe.open(&segments, asked)).unwrap();
            prop_assert!(read == whole[range]);
            Ok(())
        })
        .unwrap();
}

#[test]
fn every_length_in_every_piece_is_sealed_the_same() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let safe = Safe::new(Place::new(BucketKind::File));
    let config = ProptestConfig::with_cases(24);
    let pieces = prop::collection::vec(0..3 * KIB_64, 0..5);
    TestRunner::new(config)
        .run(&pieces, |lengths| {
            let whole = noise(lengths.iter().sum());
            let segment = runtime.block_on(async {
                let blob = Uuid::now_v7();
                let mut writer = safe.vault.seal(&safe.tenant, blob).await.unwrap();
                let mut rest = whole.clone();
                for length in lengths {
                    writer.write(rest.split_to(length)).await.unwrap();
                }
                let sealed = writer.finish().await.unwrap();
                Segment {
                    blob,
                    bytes: sealed.bytes,
                    sha256: sealed.sha256,
                    wrapped: sealed.wrapped,
                }
            });
            prop_assert!(runtime.block_on(safe.open_whole(&segment)).unwrap() == whole);
            Ok(())
        })
        .unwrap();
}

#[tokio::test]
async fn a_range_asks_for_the_chunks_that_it_touches_alone() {
    let safe = Safe::new(Place::new(BucketKind::File));
    let bytes = noise(4 * KIB_64);
    let segment = safe.seal(&bytes).await.unwrap();
    let mut stored = safe.stored(&segment).await;
    // Chunk 0 and the header are broken, and so is the last chunk.
    stored[0] ^= 1;
    stored[100] ^= 1;
    *stored.last_mut().unwrap() ^= 1;
    safe.replace(&segment, stored).await;
    let (from, to) = (KIB_64, 3 * KIB_64);
    let read = safe.open(std::slice::from_ref(&segment), from as u64..to as u64);
    assert!(read.await.unwrap() == bytes[from..to]);
}

#[tokio::test]
async fn a_writer_that_is_dropped_leaves_nothing() {
    on_all(async |place| {
        let safe = Safe::new(place);
        for length in [10, 12 * 1024 * 1024] {
            let mut writer = safe.vault.seal(&safe.tenant, Uuid::now_v7()).await.unwrap();
            writer.write(noise(length)).await.unwrap();
            drop(writer);
            safe.place.wait_until_nothing_is_unfinished().await;
            assert!(safe.place.keys().await.is_empty());
        }
    })
    .await;
}

#[tokio::test]
async fn a_write_that_was_given_up_makes_no_blob() {
    let safe = Safe::new(Place::new(BucketKind::Gcs));
    let mut writer = safe.vault.seal(&safe.tenant, Uuid::now_v7()).await.unwrap();
    // It stops for others after a mebibyte, before the bucket is asked for anything.
    assert!(
        writer
            .write(noise(2 * 1024 * 1024))
            .now_or_never()
            .is_none()
    );
    let refused = writer.finish().await.unwrap_err();
    assert_eq!(refused.kind(), BlobErrorKind::Unavailable);
    assert!(safe.place.keys().await.is_empty());
}

#[tokio::test]
async fn a_bucket_that_fails_leaves_no_blob_and_is_unavailable() {
    let safe = Safe::new(Place::new(BucketKind::Gcs));
    let bytes = noise(6 * 1024 * 1024);
    let segment = safe.seal(&bytes).await.unwrap();
    safe.place.fail("GET", 2);
    assert!(safe.open_whole(&segment).await.unwrap() == bytes);
    for method in ["GET", "PUT", "HEAD"] {
        safe.place.fail(method, 1000);
    }
    let (read, write) = tokio::join!(safe.open_whole(&segment), safe.seal(&bytes));
    assert_eq!(read.unwrap_err().kind(), BlobErrorKind::Unavailable);
    assert_eq!(write.unwrap_err().kind(), BlobErrorKind::Unavailable);
    safe.place.recover();
    safe.place.wait_until_nothing_is_unfinished().await;
    assert_eq!(
        safe.place.keys().await,
        [safe.key(segment.blob).to_string()]
    );
}

#[tokio::test]
async fn blobs_are_listed_and_deleted_by_tenant_and_id() {
    on_all(async |place| {
        let mut safe = Safe::new(place);
        let first = safe.seal(&noise(3)).await.unwrap();
        safe.tenant = tenant("bob");
        let second = safe.seal(&noise(5)).await.unwrap();
        let stranger = "not-a-blob".parse().unwrap();
        safe.place.write(&stranger, &noise(1)).await.unwrap();
        let mut found: Vec<_> = safe.vault.list().try_collect().await.unwrap();
        found.sort_by_key(|blob| blob.stored_bytes);
        let names: Vec<_> = found
            .iter()
            .map(|found| (found.gpt_id.as_str(), found.blob))
            .collect();
        assert_eq!(names, [("alice", first.blob), ("bob", second.blob)]);
        // Another tenant's blob is not there to be deleted.
        safe.vault.delete(&safe.tenant, first.blob).await.unwrap();
        assert_eq!(
            safe.vault
                .list()
                .try_collect::<Vec<_>>()
                .await
                .unwrap()
                .len(),
            2
        );
        safe.vault.delete(&safe.tenant, second.blob).await.unwrap();
        let error = safe.open_whole(&second).await.unwrap_err();
        assert_eq!(error.kind(), BlobErrorKind::NotFound);
    })
    .await;
}
