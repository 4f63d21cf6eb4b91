//! Streams, lists, deletion and faults.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use futures::{FutureExt, TryStreamExt};

use super::support::{Place, key, noise, on_all, settings};
use crate::blob::{BlobErrorKind, Bucket, BucketKind};
use crate::clock::Timestamp;
use crate::error::chain;

const MIB: usize = 1024 * 1024;

#[tokio::test]
async fn campaign_what_is_written_is_read() {
    on_all(async |place| {
        // One request, a part and its end, parts alone, and several parts.
        for length in [0, 1, 5 * MIB + 1, 10 * MIB, 16 * MIB + 3] {
            let (key, bytes) = (key("a/b"), noise(length));
            place.write(&key, &bytes).await.unwrap();
            assert_eq!(place.bucket.size(&key).await.unwrap(), length as u64);
            if length > 0 {
                let read = place.read(&key, 0..length as u64).await.unwrap();
                assert!(read == bytes, "{length} bytes on {:?}", place.bucket.kind());
            }
        }
    })
    .await;
}

#[tokio::test]
async fn ranges_are_read_alone_and_cut_to_the_object() {
    on_all(async |place| {
        let (key, bytes) = (key("a"), noise(MIB));
        place.write(&key, &bytes).await.unwrap();
        for range in [0..1, 5..700_000, MIB - 1..MIB] {
            let asked = range.start as u64..range.end as u64;
            assert!(
                place.read(&key, asked).await.unwrap() == bytes[range.clone()],
                "{range:?}"
            );
        }
        let end = MIB as u64;
        let read = place.read(&key, end - 3..end + 3).await.unwrap();
        assert_eq!(read, bytes[MIB - 3..]);
        assert!(place.read(&key, end..end + 1).await.is_err());
    })
    .await;
}

#[tokio::test]
async fn a_file_that_is_cut_while_it_is_read_is_damaged() {
    let place = Place::new(BucketKind::File);
    place.write(&key("a"), &noise(MIB)).await.unwrap();
    let reading = place
        .bucket
        .read_range(&key("a"), 0..MIB as u64)
        .await
        .unwrap();
    let ((), rest) = reading.take(MIB / 2, |_| Ok(())).await.unwrap();
    let path = place.folder().join("files/a");
    let file = std::fs::File::options().write(true).open(path).unwrap();
    file.set_len(600_000).unwrap();
    let error = rest.take(MIB / 2, |_| Ok(())).await.err().unwrap();
    assert_eq!(error.kind(), BlobErrorKind::Damaged);
}

#[tokio::test]
async fn what_is_deleted_is_gone_and_deleting_it_again_is_nothing() {
    on_all(async |place| {
        let (kept, gone) = (key("a/kept"), key("a/gone"));
        for key in [&kept, &gone] {
            place.write(key, &noise(10)).await.unwrap();
        }
        for _ in 0..2 {
            place.bucket.delete(&gone).await.unwrap();
        }
        assert_eq!(place.keys().await, ["a/kept"]);
        let error = place.read(&gone, 0..1).await.unwrap_err();
        assert_eq!(error.kind(), BlobErrorKind::NotFound);
        assert_eq!(
            place.bucket.size(&gone).await.unwrap_err().kind(),
            BlobErrorKind::NotFound
        );
    })
    .await;
}

#[tokio::test]
async fn lists_tell_length_and_time_below_a_prefix() {
    on_all(async |place| {
        let before = Timestamp::now();
        for (name, length) in [("a/1", 1), ("a/2", 2), ("ab/3", 3)] {
            place.write(&key(name), &noise(length)).await.unwrap();
        }
        let listed = place.bucket.list(Some(&key("a")));
        let mut found: Vec<_> = listed.try_collect().await.unwrap();
        found.sort_by_key(|listed| listed.bytes);
        let keys: Vec<_> = found.iter().map(|listed| listed.key.to_string()).collect();
        assert_eq!(keys, ["a/1", "a/2"]);
        assert_eq!([found[0].bytes, found[1].bytes], [1, 2]);
        // Some buckets tell whole seconds.
        let (second, hour) = (Duration::from_secs(1), Duration::from_secs(3600));
        assert!(
            found
                .iter()
                .all(|listed| listed.modified.plus(second) > before)
        );
        assert!(
            found
                .iter()
                .all(|listed| listed.modified < before.plus(hour))
        );
    })
    .await;
}

#[tokio::test]
async fn a_dropped_writer_leaves_nothing() {
    on_all(async |place| {
        for length in [10, 12 * MIB] {
            let mut writer = place.bucket.writer(&key("a/dropped"));
            writer.write(noise(length)).await.unwrap();
            assert_eq!(place.unfinished(), usize::from(length > 5 * MIB));
            drop(writer);
            place.wait_until_nothing_is_unfinished().await;
            assert!(place.keys().await.is_empty());
        }
    })
    .await;
}

#[tokio::test]
async fn a_write_that_was_given_up_makes_no_object() {
    for kind in [BucketKind::S3, BucketKind::Gcs] {
        let place = Place::new(kind);
        let begin = || async {
            let mut writer = place.bucket.writer(&key("a"));
            writer.write(noise(MIB)).await.unwrap();
            let second = writer.write(noise(5 * MIB));
            // It waits for the bucket's answer to its first request.
            assert!(second.now_or_never().is_none());
            writer
        };
        let refused = begin().await.finish().await.unwrap_err();
        assert_eq!(refused.kind(), BlobErrorKind::Unavailable);
        let refused = begin().await.write(noise(1)).await.unwrap_err();
        assert_eq!(refused.kind(), BlobErrorKind::Unavailable);
        assert!(place.keys().await.is_empty());
    }
}

#[tokio::test]
async fn drafts_of_killed_writers_are_removed_when_they_are_old() {
    let place = Place::new(BucketKind::File);
    place.write(&key("a/kept"), &noise(1)).await.unwrap();
    let mut alive = place.bucket.writer(&key("a/kept"));
    alive.write(noise(2 * MIB)).await.unwrap();
    assert_eq!(place.unfinished(), 1);
    let remove = async |before| place.bucket.remove_unfinished(before).await.unwrap();
    let (now, hour) = (Timestamp::now(), Duration::from_secs(3600));
    let hour_ago = Timestamp::from_micros(now.as_micros() - hour.as_micros() as i64).unwrap();
    assert_eq!(remove(hour_ago).await, 0);
    alive.finish().await.unwrap();

    let killed = place.folder().join("files/a/killed#1");
    std::fs::write(&killed, "draft").unwrap();
    assert_eq!(remove(hour_ago).await, 0);
    assert_eq!(remove(now.plus(hour)).await, 1);
    assert_eq!(
        (place.unfinished(), place.keys().await),
        (0, vec!["a/kept".to_owned()])
    );
    let cloud = Place::new(BucketKind::Gcs).bucket;
    assert_eq!(cloud.remove_unfinished(now).await.unwrap(), 0);
}

#[tokio::test]
async fn campaign_a_bucket_that_fails_for_a_moment_is_asked_again() {
    for kind in [BucketKind::S3, BucketKind::Gcs] {
        let place = Place::new(kind);
        let (key, bytes) = (key("a"), noise(6 * MIB));
        for (method, count) in [("POST", 1), ("PUT", 2), ("GET", 2)] {
            place.fail(method, count);
        }
        place.write(&key, &bytes).await.unwrap();
        assert!(place.read(&key, 0..bytes.len() as u64).await.unwrap() == bytes);
    }
}

#[tokio::test]
async fn campaign_an_answer_that_breaks_off_is_continued() {
    for kind in [BucketKind::S3, BucketKind::Gcs] {
        let place = Place::new(kind);
        let (key, bytes) = (key("a"), noise(3 * MIB));
        place.write(&key, &bytes).await.unwrap();
        place.cut(700_000, 2);
        assert!(place.read(&key, 5..bytes.len() as u64).await.unwrap() == bytes[5..]);
        // One that never gets further is an error, and not the end.
        place.cut(0, 1000);
        let error = place.read(&key, 0..bytes.len() as u64).await.unwrap_err();
        assert_eq!(error.kind(), BlobErrorKind::Unavailable);
    }
}

#[tokio::test]
async fn campaign_a_bucket_that_goes_on_failing_is_unavailable_and_keeps_nothing() {
    let fail = async |kind| {
        let place = Place::new(kind);
        let (key, bytes) = (key("a"), noise(6 * MIB));
        place.fail("PUT", 1000);
        let error = place.write(&key, &bytes).await.unwrap_err();
        assert_eq!(error.kind(), BlobErrorKind::Unavailable);
        place.wait_until_nothing_is_unfinished().await;
        place.recover();
        place.write(&key, &bytes).await.unwrap();
        assert_eq!(place.keys().await, ["a"]);
    };
    tokio::join!(fail(BucketKind::S3), fail(BucketKind::Gcs));
}

#[tokio::test]
async fn wrong_credentials_are_a_fault_of_the_settings() {
    let mut settings = settings();
    settings.insert("AWS_SECRET_ACCESS_KEY".to_owned(), "wrong".to_owned());
    let bucket = Bucket::open("s3://test/x", &settings).unwrap();
    let error = bucket.size(&key("a")).await.unwrap_err();
    assert_eq!(error.kind(), BlobErrorKind::Settings, "{}", chain(&error));
}

#[tokio::test]
async fn a_bucket_of_files_is_private_and_durable_folders_are_made() {
    let place = Place::new(BucketKind::File);
    let mode = std::fs::metadata(place.folder().join("files")).unwrap();
    assert_eq!(mode.permissions().mode() & 0o777, 0o700);
}

#[test]
fn a_bucket_is_opened_for_https_without_asking_it() {
    // Making the client sets up TLS, with the system's root certificates.
    let account = settings()
        .remove_entry("GOOGLE_SERVICE_ACCOUNT_KEY")
        .unwrap();
    Bucket::open("s3://test", &BTreeMap::new()).unwrap();
    Bucket::open("gs://test", &BTreeMap::from([account])).unwrap();
}

#[test]
fn an_unusable_url_says_what_is_wrong_and_shows_no_secret() {
    let open = |url| Bucket::open(url, &settings()).unwrap_err();
    let error = open("gs://key:secret@host/x");
    assert_eq!(error.kind(), BlobErrorKind::Settings);
    let words = chain(&error);
    assert!(words.contains("needs the name of a bucket"), "{words}");
    assert!(!words.contains("secret"), "{words}");
    // A file is in the way of the folder.
    let error = open("file:///dev/null/files");
    assert_eq!(error.kind(), BlobErrorKind::Settings, "{}", chain(&error));
}
