//! Whatever is done to what lies in the bucket, or to its row: an error, never wrong bytes.

use super::support::{Place, Safe, noise, on_all, read_by, tenant};
use crate::blob::envelope::layout::{CHUNK, HEADER, SEALED_CHUNK};
use crate::blob::{BlobErrorKind, BucketKind, Key, Segment, WrappedKey};

/// Two whole chunks and one of 5 bytes.
const LENGTH: usize = 2 * CHUNK + 5;

async fn assert_damaged(safe: &Safe, segment: &Segment, what: &str) {
    let error = safe.open_whole(segment).await.expect_err(what);
    assert_eq!(error.kind(), BlobErrorKind::Damaged, "{what}");
}

#[tokio::test]
async fn a_flipped_bit_is_found() {
    let safe = Safe::new(Place::new(BucketKind::File));
    let segment = safe.seal(&noise(LENGTH)).await.unwrap();
    let stored = safe.stored(&segment).await;
    let chunks = (0..3).map(|number| HEADER + number * SEALED_CHUNK);
    // The format, and of each chunk its first and some later byte and its tag.
    let ends = [HEADER + SEALED_CHUNK - 1, HEADER + 2 * SEALED_CHUNK - 16];
    let places = (0..8)
        .chain(chunks.clone())
        .chain(chunks.map(|start| start + 3))
        .chain(ends)
        .chain([stored.len() - 16, stored.len() - 1]);
    for place in places {
        let mut broken = stored.clone();
        broken[place] ^= 0x10;
        safe.replace(&segment, broken).await;
        assert_damaged(&safe, &segment, &format!("byte {place}")).await;
    }
}

#[tokio::test]
async fn the_copy_of_the_key_in_the_header_decides_nothing() {
    let safe = Safe::new(Place::new(BucketKind::File));
    let bytes = noise(LENGTH);
    let segment = safe.seal(&bytes).await.unwrap();
    let mut stored = safe.stored(&segment).await;
    stored[8..HEADER].fill(0);
    safe.replace(&segment, stored).await;
    assert!(safe.open_whole(&segment).await.unwrap() == bytes);
}

#[tokio::test]
async fn what_is_cut_or_added_is_found() {
    on_all(async |place| {
        let safe = Safe::new(place);
        let segment = safe.seal(&noise(LENGTH)).await.unwrap();
        let stored = safe.stored(&segment).await;
        let chunk_end = HEADER + 2 * SEALED_CHUNK;
        for length in [1, HEADER, HEADER + 7, chunk_end, stored.len() - 1] {
            safe.replace(&segment, stored[..length].to_vec()).await;
            assert_damaged(&safe, &segment, &format!("cut to {length}")).await;
            // A range that lies behind the cut is not even there to be asked for.
            let (from, to) = (LENGTH as u64 - 1, LENGTH as u64);
            let end = safe.open(std::slice::from_ref(&segment), from..to).await;
            assert_eq!(end.unwrap_err().kind(), BlobErrorKind::Damaged, "{length}");
        }
        let longer = [&stored[..], &[0]].concat();
        safe.replace(&segment, longer).await;
        assert_damaged(&safe, &segment, "a byte more").await;
    })
    .await;
}

#[tokio::test]
async fn chunks_that_changed_places_are_found() {
    let safe = Safe::new(Place::new(BucketKind::File));
    let [one, other] = [1, 2].map(|_| noise(LENGTH));
    let one = safe.seal(&one).await.unwrap();
    let other = safe.seal(&other).await.unwrap();
    let (stored, others) = (safe.stored(&one).await, safe.stored(&other).await);
    let (first, second) = (
        HEADER..HEADER + SEALED_CHUNK,
        HEADER + SEALED_CHUNK..HEADER + 2 * SEALED_CHUNK,
    );

    let mut swapped = stored.clone();
    swapped[first.clone()].copy_from_slice(&stored[second.clone()]);
    swapped[second.clone()].copy_from_slice(&stored[first.clone()]);
    safe.replace(&one, swapped).await;
    assert_damaged(&safe, &one, "two chunks of one blob").await;

    let mut repeated = stored.clone();
    repeated[second].copy_from_slice(&stored[first.clone()]);
    safe.replace(&one, repeated).await;
    assert_damaged(&safe, &one, "a chunk twice").await;

    let mut foreign = stored;
    foreign[first.clone()].copy_from_slice(&others[first]);
    safe.replace(&one, foreign).await;
    assert_damaged(&safe, &one, "a chunk of another blob").await;

    safe.replace(&one, others).await;
    assert_damaged(&safe, &one, "another blob").await;
}

#[tokio::test]
async fn another_tenants_blob_does_not_open() {
    let safe = Safe::new(Place::new(BucketKind::File));
    let segment = safe.seal(&noise(LENGTH)).await.unwrap();
    let stored = safe.stored(&segment).await;
    let bob = tenant("bob");
    // Object and row are both carried over to bob.
    let key = Key::of_blob(&bob, segment.blob);
    safe.place.write(&key, &stored.into()).await.unwrap();
    let range = 0..segment.bytes;
    let read = read_by(&safe.vault, &bob, std::slice::from_ref(&segment), range).await;
    assert_eq!(read.unwrap_err().kind(), BlobErrorKind::Damaged);
}

#[tokio::test]
async fn a_row_with_a_wrong_key_length_or_hash_is_found() {
    let safe = Safe::new(Place::new(BucketKind::File));
    let bytes = noise(LENGTH);
    let [segment, other] = [
        safe.seal(&bytes).await.unwrap(),
        safe.seal(&bytes).await.unwrap(),
    ];
    let mut sealed = segment.wrapped.sealed().to_vec();
    sealed[20] ^= 1;
    let wrongs = [
        Segment {
            wrapped: other.wrapped.clone(),
            ..segment.clone()
        },
        Segment {
            wrapped: WrappedKey::new(1, &sealed).unwrap(),
            ..segment.clone()
        },
        Segment {
            bytes: segment.bytes - 1,
            ..segment.clone()
        },
        Segment {
            bytes: segment.bytes + CHUNK as u64,
            ..segment.clone()
        },
        Segment {
            sha256: [0; 32],
            ..segment.clone()
        },
        Segment {
            blob: other.blob,
            ..segment.clone()
        },
    ];
    for (number, wrong) in wrongs.iter().enumerate() {
        assert_damaged(&safe, wrong, &format!("row {number}")).await;
        // Who reads a part of it learns it too.
        let part = safe.open(std::slice::from_ref(wrong), 1..2).await;
        assert_eq!(part.unwrap_err().kind(), BlobErrorKind::Damaged, "{number}");
    }
    let error = WrappedKey::new(1, &sealed[1..]).unwrap_err();
    assert_eq!(error.kind(), BlobErrorKind::Damaged);
}
