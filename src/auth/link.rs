//! Links that stand for a key: whoever has one may put parts of one upload, for a while.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::clock::Timestamp;
use crate::error::Error;
use crate::ids::Tenant;

/// What the key of links is derived for: the same secret signs cursors.
const PURPOSE: &[u8] = b"gpt-object-store: links to parts";

/// Signs and verifies links to the parts of uploads.
///
/// A signature is `base64url(tag) "." gpt_id`. The tag is HMAC-SHA256 over tenant, upload and end,
/// so a link is good for nothing else, and a forged one costs no look into the database.
#[derive(Clone)]
pub struct PartLinks(Hmac<Sha256>);

impl PartLinks {
    /// Links signed with a key that is derived from `secret`, which has any length.
    ///
    /// # Errors
    /// Never in practice: HMAC takes keys of every length (RFC 2104).
    pub fn new(secret: &[u8]) -> Result<Self, Error> {
        let mut derived = keyed(secret)?;
        derived.update(PURPOSE);
        Ok(Self(keyed(&derived.finalize().into_bytes())?))
    }

    /// The signature of a link for `upload_id` that ends at `expires`, in Unix seconds.
    #[must_use]
    pub fn sign(&self, tenant: &Tenant, upload_id: &str, expires: i64) -> String {
        let gpt_id = tenant.gpt_id().as_str();
        let tag = self.mac(gpt_id, upload_id, expires).finalize();
        format!("{}.{gpt_id}", URL_SAFE_NO_PAD.encode(tag.into_bytes()))
    }

    /// Whose upload a link leads to.
    ///
    /// # Errors
    /// [`Error::Forbidden`] when the link was not signed here for this upload, or is over at `now`.
    pub fn verify(
        &self,
        upload_id: &str,
        expires: i64,
        signature: &str,
        now: Timestamp,
    ) -> Result<Tenant, Error> {
        let tenant = self.tenant(upload_id, expires, signature);
        let forbidden = |detail: &str| Error::Forbidden(detail.to_owned());
        let tenant = tenant.ok_or_else(|| forbidden("The signature of the URL is not valid."))?;
        if expires <= now.as_seconds() {
            return Err(forbidden("The time of the URL is over."));
        }
        Ok(tenant)
    }

    fn tenant(&self, upload_id: &str, expires: i64, signature: &str) -> Option<Tenant> {
        let (tag, gpt_id) = signature.split_once('.')?;
        let tag = URL_SAFE_NO_PAD.decode(tag).ok()?;
        let mac = self.mac(gpt_id, upload_id, expires);
        mac.verify_slice(&tag).ok()?;
        Some(Tenant::vouched(gpt_id.parse().ok()?))
    }

    fn mac(&self, gpt_id: &str, upload_id: &str, expires: i64) -> Hmac<Sha256> {
        let mut mac = self.0.clone();
        for part in [gpt_id, upload_id] {
            mac.update(part.as_bytes());
            mac.update(&[0]);
        }
        mac.update(&expires.to_be_bytes());
        mac
    }
}

fn keyed(key: &[u8]) -> Result<Hmac<Sha256>, Error> {
    Hmac::new_from_slice(key).map_err(|error| Error::Internal(Box::new(error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_good_for_its_upload_tenant_and_time_only() {
        let links = PartLinks::new(b"secret").unwrap();
        let alice = Tenant::vouched("alice".parse().unwrap());
        let now = Timestamp::from_micros(1_000_000_000).unwrap();
        let signature = links.sign(&alice, "upload_1", 1001);
        assert_eq!(
            links.verify("upload_1", 1001, &signature, now).unwrap(),
            alice
        );
        let anothers = signature.replace("alice", "bob");
        let cut = &signature[1..];
        for (upload, expires, signature) in [
            ("upload_2", 1001, signature.as_str()),
            ("upload_1", 1002, &signature),
            ("upload_1", 1001, &anothers),
            ("upload_1", 1001, cut),
            ("upload_1", 1001, ".alice"),
            ("upload_1", 1001, "alice"),
        ] {
            assert!(links.verify(upload, expires, signature, now).is_err());
        }
        let over = links.sign(&alice, "upload_1", 1000);
        assert!(links.verify("upload_1", 1000, &over, now).is_err());
        let other = PartLinks::new(b"another").unwrap();
        assert!(other.verify("upload_1", 1001, &signature, now).is_err());
    }
}
