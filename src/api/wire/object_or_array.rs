//! Bodies that are objects, or one list of theirs bare.

use serde::de::value::{SeqAccessDeserializer, StrDeserializer};
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;

/// A reader that finds a map; an array is found as a map whose one member `member` it is.
pub struct ObjectOrArray<'a, D> {
    inner: D,
    member: &'static str,
    is_array: &'a mut bool,
}

impl<'a, D> ObjectOrArray<'a, D> {
    /// Reads from `inner`, and says in `is_array` whether an array was found.
    pub fn new(inner: D, member: &'static str, is_array: &'a mut bool) -> Self {
        Self {
            inner,
            member,
            is_array,
        }
    }
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for ObjectOrArray<'_, D> {
    type Error = D::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.inner.deserialize_any(Found {
            visitor,
            member: self.member,
            is_array: self.is_array,
        })
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier
        ignored_any
    }
}

struct Found<'a, V> {
    visitor: V,
    member: &'static str,
    is_array: &'a mut bool,
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Found<'_, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "an object or an array of {}", self.member)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<V::Value, A::Error> {
        self.visitor.visit_map(map)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, elements: A) -> Result<V::Value, A::Error> {
        *self.is_array = true;
        self.visitor.visit_map(OneMember {
            name: Some(self.member),
            elements: Some(elements),
        })
    }
}

/// A map with one member, which is a list.
struct OneMember<A> {
    name: Option<&'static str>,
    elements: Option<A>,
}

impl<'de, A: SeqAccess<'de>> MapAccess<'de> for OneMember<A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, A::Error> {
        let name = self.name.take();
        name.map(|name| seed.deserialize(StrDeserializer::new(name)))
            .transpose()
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        let missing = || serde::de::Error::custom("the one member was read before");
        let elements = self.elements.take().ok_or_else(missing)?;
        seed.deserialize(SeqAccessDeserializer::new(elements))
    }
}

#[cfg(test)]
mod tests {
    use crate::api::generated::types::StoragePatch;

    fn keys(text: &str) -> Result<(bool, Vec<String>), serde_json::Error> {
        let patch: StoragePatch = serde_json::from_str(text)?;
        let keys = patch.operations.into_iter().map(|operation| operation.key);
        Ok((patch.is_bare_array, keys.collect()))
    }

    #[test]
    fn an_array_is_the_object_around_it() {
        let operation = r#"{"op":"set","key":"a","value":{"z":1,"a":1.00}}"#;
        let bare: StoragePatch = serde_json::from_str(&format!("[{operation}]")).unwrap();
        let value = bare.operations[0].value.as_ref().unwrap();
        assert_eq!(
            value.get(),
            r#"{"z":1,"a":1.00}"#,
            "the text passes through"
        );
        let whole = format!(r#"{{"operations":[{operation}]}}"#);
        assert_eq!(keys(&whole).unwrap(), (false, vec!["a".to_owned()]));
        assert_eq!(keys("[]").unwrap(), (true, Vec::new()));
    }

    #[test]
    fn null_is_a_value_and_absent_is_none() {
        let value = |text: &str| {
            let patch: StoragePatch = serde_json::from_str(text).unwrap();
            patch.operations[0]
                .value
                .as_ref()
                .map(|value| value.get().to_owned())
        };
        let null = value(r#"[{"op":"set","key":"a","value":null}]"#);
        assert_eq!(null.as_deref(), Some("null"));
        assert_eq!(value(r#"[{"op":"set","key":"a"}]"#), None);
    }

    #[test]
    fn the_elements_are_still_objects_only() {
        for text in [
            r#"[["set","a",1]]"#,
            "1",
            "\"x\"",
            "null",
            r#"{"operations":{}}"#,
        ] {
            assert!(keys(text).is_err(), "{text}");
        }
    }
}
