//! Request bodies are JSON objects, never arrays.

use serde::de::{Deserializer, Visitor};
use serde::forward_to_deserialize_any;

/// A reader that finds nothing but a map.
///
/// serde's derived structs accept a sequence of their fields too, so that `["create"]` would pass
/// for `{"op": "create"}`, against the document.
pub struct ObjectsOnly<D>(pub D);

impl<'de, D: Deserializer<'de>> Deserializer<'de> for ObjectsOnly<D> {
    type Error = D::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_map(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier
        ignored_any
    }
}
