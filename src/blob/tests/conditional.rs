//! Small objects that change under conditions.

use bytes::Bytes;

use super::support::{Place, key, on_all};
use crate::blob::{BlobErrorKind, Bucket, BucketKind, Key, Swap};

#[tokio::test]
async fn an_object_is_made_once() {
    on_all(async |place| {
        let key = key("kv/a");
        assert_eq!(place.bucket.read(&key).await.unwrap(), None);
        assert_eq!(swap_in(&place.bucket, &key, "1").await, Swap::Done);
        assert_eq!(swap_in(&place.bucket, &key, "2").await, Swap::Conflict);
        let stored = place.bucket.read(&key).await.unwrap().unwrap();
        assert_eq!(stored.bytes, "1");
    })
    .await;
}

#[tokio::test]
async fn an_object_is_written_only_over_the_version_that_was_read() {
    for kind in [BucketKind::S3, BucketKind::Gcs] {
        let bucket = Place::new(kind).bucket;
        let key = key("kv/a");
        swap_in(&bucket, &key, "1").await;
        let first = bucket.read(&key).await.unwrap().unwrap().version;
        let swap = async |bytes| {
            let bytes = Bytes::from_static(bytes);
            bucket.swap(&key, bytes, Some(&first)).await.unwrap()
        };
        assert_eq!(swap(b"2").await, Swap::Done);
        assert_eq!(swap(b"3").await, Swap::Conflict);
        assert_eq!(bucket.read(&key).await.unwrap().unwrap().bytes, "2");
        bucket.delete(&key).await.unwrap();
        assert_eq!(swap(b"4").await, Swap::Conflict);
        assert_eq!(bucket.read(&key).await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_folder_has_no_conditional_writes() {
    let cloud = Place::new(BucketKind::Gcs).bucket;
    let key = key("kv/a");
    swap_in(&cloud, &key, "1").await;
    let version = cloud.read(&key).await.unwrap().unwrap().version;
    let folder = Place::new(BucketKind::File).bucket;
    let error = folder.swap(&key, Bytes::new(), Some(&version)).await;
    assert_eq!(error.unwrap_err().kind(), BlobErrorKind::Settings);
}

#[tokio::test]
async fn of_writers_at_once_none_is_lost() {
    const WRITERS: u64 = 4;
    const ROUNDS: u64 = 5;
    for kind in [BucketKind::S3, BucketKind::Gcs] {
        let bucket = Place::new(kind).bucket;
        let key = key("kv/count");
        swap_in(&bucket, &key, "0").await;
        let writers = (0..WRITERS).map(|_| async {
            for _ in 0..ROUNDS {
                while increment(&bucket, &key).await == Swap::Conflict {}
            }
        });
        futures::future::join_all(writers).await;
        let count = bucket.read(&key).await.unwrap().unwrap().bytes;
        assert_eq!(count, (WRITERS * ROUNDS).to_string(), "{kind:?}");
    }
}

async fn swap_in(bucket: &Bucket, key: &Key, text: &'static str) -> Swap {
    bucket.swap(key, text.into(), None).await.unwrap()
}

async fn increment(bucket: &Bucket, key: &Key) -> Swap {
    let stored = bucket.read(key).await.unwrap().unwrap();
    let count: u64 = std::str::from_utf8(&stored.bytes).unwrap().parse().unwrap();
    let next = (count + 1).to_string().into();
    bucket.swap(key, next, Some(&stored.version)).await.unwrap()
}
