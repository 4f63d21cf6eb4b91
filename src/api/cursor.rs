//! Cursors: a position in a list and the filters it was made for, signed.
//!
//! A cursor is `base64url(payload) "." base64url(tag)`. The tag is the first 16 bytes of
//! HMAC-SHA256 over the list's identity (tenant and collection) and the payload, so a cursor is
//! good for one list of one tenant only, on every replica that has the same secret.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::Sha256;
use uuid::Uuid;

use super::generated::types::Order;
use crate::clock::Timestamp;
use crate::document::Document;
use crate::error::Error;
use crate::service::Position;

const TAG_BYTES: usize = 16;

/// Which list a cursor is for.
pub struct ListIdentity<'a> {
    /// The operation: what kind of list.
    pub operation: &'static str,
    /// The tenant.
    pub gpt_id: &'a str,
    /// The collection, if the list is of one.
    pub collection: &'a str,
}

impl<'a> ListIdentity<'a> {
    fn parts(&self) -> [&'a str; 3] {
        [self.operation, self.gpt_id, self.collection]
    }
}

/// What a list was asked to show, apart from the page.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filters {
    /// The order.
    pub order: Option<Order>,
    /// What documents contain.
    pub filter: Option<Document>,
    /// Only items created after this.
    pub created_after: Option<Timestamp>,
    /// Only items created before this.
    pub created_before: Option<Timestamp>,
}

/// Where a page begins (or, backwards, ends), and with which filters.
#[derive(Clone, Debug, PartialEq)]
pub struct Cursor {
    /// The place between two items.
    pub position: Position,
    /// Whether the page is the one before the place.
    pub backwards: bool,
    /// What the list shows.
    pub filters: Filters,
}

#[derive(Serialize, Deserialize)]
struct Payload {
    t: i64,
    i: Uuid,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    b: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    o: Option<Order>,
    #[serde(skip_serializing_if = "Option::is_none")]
    f: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    a: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    z: Option<Timestamp>,
}

/// Writes and reads cursors with one secret.
#[derive(Clone)]
pub struct CursorCodec(Hmac<Sha256>);

impl CursorCodec {
    /// A codec that signs with `secret`, of any length.
    ///
    /// # Errors
    /// Never in practice: HMAC takes keys of every length (RFC 2104).
    pub fn new(secret: &[u8]) -> Result<Self, Error> {
        let mac = Hmac::new_from_slice(secret).map_err(|error| Error::Internal(Box::new(error)))?;
        Ok(Self(mac))
    }

    /// `payload` as a cursor that is good for one list: the one that all parts of `identity` name.
    #[must_use]
    pub fn seal(&self, identity: &[&str], payload: &impl Serialize) -> String {
        let payload = serde_json::to_vec(payload).unwrap_or_default();
        let tag = self.mac(identity, &payload).finalize().into_bytes();
        let text = URL_SAFE_NO_PAD.encode(&payload);
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(&tag[..TAG_BYTES]))
    }

    /// What [`CursorCodec::seal`] made a cursor of for the same list.
    ///
    /// # Errors
    /// [`Error::InvalidCursor`] for any other text.
    pub fn open<T: DeserializeOwned>(&self, identity: &[&str], text: &str) -> Result<T, Error> {
        let malformed = || Error::InvalidCursor("The cursor is malformed.");
        let (payload, tag) = text.split_once('.').ok_or_else(malformed)?;
        let payload = URL_SAFE_NO_PAD.decode(payload).map_err(|_| malformed())?;
        let tag = URL_SAFE_NO_PAD.decode(tag).map_err(|_| malformed())?;
        let mac = self.mac(identity, &payload);
        if tag.len() != TAG_BYTES || mac.verify_truncated_left(&tag).is_err() {
            return Err(Error::InvalidCursor(
                "The cursor was changed, or it was made for another list.",
            ));
        }
        serde_json::from_slice(&payload).map_err(|_| malformed())
    }

    /// The cursor as text.
    #[must_use]
    pub fn encode(&self, list: &ListIdentity<'_>, cursor: &Cursor) -> String {
        let filters = &cursor.filters;
        let raw = |filter: &Document| RawValue::from_string(filter.as_str().to_owned()).ok();
        let payload = Payload {
            t: cursor.position.created_at.as_micros(),
            i: cursor.position.id,
            b: cursor.backwards,
            o: filters.order,
            f: filters.filter.as_ref().and_then(raw),
            a: filters.created_after,
            z: filters.created_before,
        };
        self.seal(&list.parts(), &payload)
    }

    /// Reads a cursor that [`CursorCodec::encode`] wrote for the same list.
    ///
    /// # Errors
    /// [`Error::InvalidCursor`] for any other text.
    pub fn decode(&self, list: &ListIdentity<'_>, text: &str) -> Result<Cursor, Error> {
        let payload: Payload = self.open(&list.parts(), text)?;
        let created_at = Timestamp::from_micros(payload.t)
            .ok_or(Error::InvalidCursor("The cursor is malformed."))?;
        let filter = payload
            .f
            .map(|filter| Document::from_canonical(filter.get().to_owned()));
        Ok(Cursor {
            position: Position {
                created_at,
                id: payload.i,
            },
            backwards: payload.b,
            filters: Filters {
                order: payload.o,
                filter,
                created_after: payload.a,
                created_before: payload.z,
            },
        })
    }

    fn mac(&self, identity: &[&str], payload: &[u8]) -> Hmac<Sha256> {
        let mut mac = self.0.clone();
        for part in identity {
            mac.update(part.as_bytes());
            mac.update(&[0]);
        }
        mac.update(payload);
        mac
    }
}

impl Filters {
    /// These filters, as the caller sent them, with what it left out taken from `carried`.
    ///
    /// # Errors
    /// [`Error::InvalidCursor`] when the caller sent something else than the cursor carries.
    pub fn or_carried(self, carried: &Self) -> Result<Self, Error> {
        let other =
            Error::InvalidCursor("The cursor was made with another order or other filters.");
        let agree = self.order.is_none_or(|order| carried.order == Some(order))
            && self
                .filter
                .is_none_or(|filter| carried.filter == Some(filter))
            && self
                .created_after
                .is_none_or(|after| carried.created_after == Some(after))
            && self
                .created_before
                .is_none_or(|before| carried.created_before == Some(before));
        if agree {
            Ok(carried.clone())
        } else {
            Err(other)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LIST: ListIdentity<'_> = ListIdentity {
        operation: "list_objects",
        gpt_id: "alice",
        collection: "notes",
    };

    fn codec() -> CursorCodec {
        CursorCodec::new(b"a secret of some length, for tests").unwrap()
    }

    fn cursor(micros: i64, filter: Option<&str>, backwards: bool) -> Cursor {
        Cursor {
            position: Position {
                created_at: Timestamp::from_micros(micros).unwrap(),
                id: Uuid::from_u128(7),
            },
            backwards,
            filters: Filters {
                order: Some(Order::Asc),
                filter: filter.map(|text| Document::from_canonical(text.to_owned())),
                created_after: Timestamp::from_micros(micros - 1),
                created_before: None,
            },
        }
    }

    proptest! {
        #[test]
        fn reads_what_it_writes(micros in 0_i64..4_000_000_000_000_000, backwards: bool, word in "[a-z\"é]{0,20}") {
            let filter = serde_json::json!({ "a": word }).to_string();
            for filter in [None, Some(filter.as_str())] {
                let cursor = cursor(micros, filter, backwards);
                let text = codec().encode(&LIST, &cursor);
                prop_assert_eq!(codec().decode(&LIST, &text).unwrap(), cursor);
            }
        }

        #[test]
        fn a_flipped_bit_is_noticed(at in 0_usize..200, bit in 0_u8..7) {
            let text = codec().encode(&LIST, &cursor(1, Some("{\"a\":1}"), false));
            let mut bytes = text.clone().into_bytes();
            let at = at % bytes.len();
            bytes[at] ^= 1 << bit;
            if let Ok(changed) = String::from_utf8(bytes) {
                prop_assert!(codec().decode(&LIST, &changed).is_err(), "{} {}", text, changed);
            }
        }

        #[test]
        fn nonsense_is_refused(text in ".{0,100}") {
            prop_assert!(codec().decode(&LIST, &text).is_err());
        }
    }

    #[test]
    fn is_good_for_its_list_only() {
        let text = codec().encode(&LIST, &cursor(1, None, false));
        for other in [
            ListIdentity {
                gpt_id: "bob",
                ..LIST
            },
            ListIdentity {
                collection: "other",
                ..LIST
            },
            ListIdentity {
                operation: "list_collections",
                ..LIST
            },
        ] {
            assert!(codec().decode(&other, &text).is_err());
        }
        let other_secret = CursorCodec::new(b"another secret").unwrap();
        assert!(other_secret.decode(&LIST, &text).is_err());
    }

    #[test]
    fn filters_left_out_are_carried_and_others_refused() {
        let carried = cursor(1, Some("{\"a\":1}"), false).filters;
        assert_eq!(Filters::default().or_carried(&carried).unwrap(), carried);
        assert_eq!(carried.clone().or_carried(&carried).unwrap(), carried);
        let other = Filters {
            order: Some(Order::Desc),
            ..Filters::default()
        };
        assert!(other.or_carried(&carried).is_err());
        let unfiltered = Filters {
            filter: None,
            ..carried.clone()
        };
        assert!(carried.or_carried(&unfiltered).is_err());
    }
}
