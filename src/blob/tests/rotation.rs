//! Master keys: the wrong one, a missing one, and a new one.

use super::support::{Place, Safe, keys, noise, read_by};
use crate::blob::{BlobErrorKind, BucketKind, MasterKeys, Segment, Vault};

#[tokio::test]
async fn a_new_master_key_changes_the_row_alone() {
    let safe = Safe::new(Place::new(BucketKind::File));
    let bytes = noise(100_000);
    let old = safe.seal(&bytes).await.unwrap();
    assert_eq!(old.wrapped.key_id(), 1);
    let stored = safe.stored(&old).await;
    let vault = |ids: &[u32]| Vault::new(safe.place.bucket.clone(), keys(ids));
    let read = async |vault: &Vault, segment: &Segment| {
        let range = 0..segment.bytes;
        read_by(vault, &safe.tenant, std::slice::from_ref(segment), range).await
    };

    let both = vault(&[2, 1]);
    assert!(read(&both, &old).await.unwrap() == bytes);
    let wrapped = both.rewrap(&safe.tenant, &old).unwrap();
    assert_eq!((wrapped.key_id(), both.current_key_id()), (2, 2));
    let new = Segment {
        wrapped,
        ..old.clone()
    };

    let new_alone = vault(&[2]);
    assert!(read(&new_alone, &new).await.unwrap() == bytes);
    assert!(safe.stored(&new).await == stored);
    // The old row needs the old key.
    let missing = read(&new_alone, &old).await.unwrap_err();
    assert_eq!(missing.kind(), BlobErrorKind::Settings);
    let missing = new_alone.rewrap(&safe.tenant, &old);
    assert_eq!(missing.unwrap_err().kind(), BlobErrorKind::Settings);
}

#[tokio::test]
async fn a_wrong_master_key_opens_nothing() {
    let safe = Safe::new(Place::new(BucketKind::File));
    let segment = safe.seal(&noise(10)).await.unwrap();
    let other = "base64:WFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFg=";
    let other: MasterKeys = other.parse().unwrap();
    let vault = Vault::new(safe.place.bucket.clone(), other);
    let read = read_by(&vault, &safe.tenant, std::slice::from_ref(&segment), 0..10).await;
    assert_eq!(read.unwrap_err().kind(), BlobErrorKind::Damaged);
    let rewrapped = vault.rewrap(&safe.tenant, &segment);
    assert_eq!(rewrapped.unwrap_err().kind(), BlobErrorKind::Damaged);
}
