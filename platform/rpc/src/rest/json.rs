//! Reading JSON strictly: a name that stands twice in one object is an error, because one of its two values would be
//! dropped, and so are more values than a request may have.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::field_path::shown;

/// Values of one request, shorthands written out: objects, lists and all that is in them. A value of two bytes takes
/// some hundred in memory, and a payload that is written out more than a thousand.
pub(super) const MAX_VALUES: usize = 100_000;
/// Values of an answer: a page of a thousand workflows has some twenty attributes of each.
pub(super) const MAX_ANSWER_VALUES: usize = 300_000;

/// Said where there are more.
pub(super) fn too_many() -> String {
    format!("a request has more than {MAX_VALUES} values")
}

/// A JSON document of at most `left` values, of which it leaves the rest. Its depth is limited as [`serde_json`] limits
/// it.
pub(super) fn parse(text: &[u8], left: &mut usize) -> serde_json::Result<Value> {
    let mut reader = serde_json::Deserializer::from_slice(text);
    let value = Strict(Cell::from_mut(left)).deserialize(&mut reader)?;
    reader.end()?;
    Ok(value)
}

/// With how many values may still come.
#[derive(Clone, Copy)]
struct Strict<'l>(&'l Cell<usize>);

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.0.set(self.0.get().checked_sub(1).ok_or_else(|| D::Error::custom(too_many()))?);
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(self)? {
            list.push(item);
        }
        Ok(list.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = entries.next_key::<String>()? {
            if object.contains_key(&name) {
                return Err(A::Error::custom(format!("{:?} is there twice", shown(&name))));
            }
            object.insert(name, entries.next_value_seed(self)?);
        }
        Ok(object.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_what_serde_json_reads() {
        for text in [
            r#"{"a": [1, -2, 2.5, 18446744073709551615, "\u00e4\n", true, null, {}], "b": {"a": 1}}"#,
            "[]",
            "\"x\"",
            " 1 ",
        ] {
            assert_eq!(
                parse(text.as_bytes(), &mut 100).unwrap(),
                serde_json::from_str::<Value>(text).unwrap()
            );
        }
    }

    #[test]
    fn a_name_twice_and_what_is_no_json_are_errors() {
        let deep = "[".repeat(100_000);
        for text in [r#"{"a": 1, "a": 1}"#, r#"{"b": [{"a": 1, "a": 2}]}"#, "{} {}", "{", "", "NaN", &deep] {
            assert!(parse(text.as_bytes(), &mut 100).is_err(), "{text:.20}");
        }
    }

    #[test]
    fn every_value_counts_wherever_it_is() {
        let text = br#"{"a": [1, null, "x"], "b": {"c": {}}}"#;
        let mut left = 10;
        parse(text, &mut left).unwrap();
        assert_eq!(left, 3);
        assert!(parse(text, &mut 7).is_ok());
        assert!(parse(text, &mut 6).unwrap_err().to_string().starts_with(&too_many()));
    }
}
