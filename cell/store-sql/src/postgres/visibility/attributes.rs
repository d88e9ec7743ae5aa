//! Search attributes as one column of their record, and as rows of their own.

use super::encoding;
use cell_visibility::{AttributeType, Attributes, Value, text_tokens};
use std::collections::BTreeSet;

/// Writes all attributes of a record: each its name, the number of its type, and its value; what has a length stands
/// behind that, and numbers are in network order. No attribute takes more bytes here than it counts on a page.
pub(super) fn encode(attributes: &Attributes) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, value) in attributes {
        put(&mut bytes, name);
        bytes.push(value.value_type().number() as u8);
        match value {
            Value::Text(text) | Value::Keyword(text) => put(&mut bytes, text),
            Value::Int(number) | Value::Datetime(number) => bytes.extend(number.to_be_bytes()),
            Value::Double(number) => bytes.extend(number.to_bits().to_be_bytes()),
            Value::Bool(truth) => bytes.push(u8::from(*truth)),
            Value::KeywordList(members) => {
                bytes.extend((members.len() as u32).to_be_bytes());
                members.iter().for_each(|member| put(&mut bytes, member));
            }
        }
    }
    bytes
}

fn put(bytes: &mut Vec<u8>, text: &str) {
    bytes.extend((text.len() as u32).to_be_bytes());
    bytes.extend(text.as_bytes());
}

/// Reads what [`encode`] wrote; none of anything else.
pub(super) fn decode(mut bytes: &[u8]) -> Option<Attributes> {
    let mut attributes = Attributes::new();
    while !bytes.is_empty() {
        let name = text(&mut bytes)?;
        let [kind] = take(&mut bytes)?;
        let value = match AttributeType::from_number(kind.into())? {
            AttributeType::Text => Value::Text(text(&mut bytes)?),
            AttributeType::Keyword => Value::Keyword(text(&mut bytes)?),
            AttributeType::Int => Value::Int(i64::from_be_bytes(take(&mut bytes)?)),
            AttributeType::Datetime => Value::Datetime(i64::from_be_bytes(take(&mut bytes)?)),
            AttributeType::Double => Value::Double(f64::from_bits(u64::from_be_bytes(take(&mut bytes)?))),
            AttributeType::Bool => Value::Bool(take(&mut bytes)? != [0]),
            AttributeType::KeywordList => {
                let members = u32::from_be_bytes(take(&mut bytes)?);
                Value::KeywordList((0..members).map(|_| text(&mut bytes)).collect::<Option<_>>()?)
            }
        };
        attributes.insert(name, value);
    }
    Some(attributes)
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*taken)
}

fn text(bytes: &mut &[u8]) -> Option<String> {
    let length = u32::from_be_bytes(take(bytes)?) as usize;
    let (taken, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(std::str::from_utf8(taken).ok()?.to_owned())
}

/// Rows of attributes, a column each.
#[derive(Default)]
pub(super) struct Rows<'a> {
    /// Which of the records of the call each is of, from 1 on.
    pub(super) numbers: Vec<i64>,
    pub(super) kinds: Vec<i16>,
    pub(super) names: Vec<&'a [u8]>,
    pub(super) keys: Vec<Option<Vec<u8>>>,
    pub(super) values: Vec<Option<Vec<u8>>>,
}

impl<'a> Rows<'a> {
    pub(super) fn push(&mut self, number: i64, attributes: &'a Attributes) {
        for (name, value) in attributes {
            let mut row = |key, whole| {
                self.numbers.push(number);
                self.kinds.push(value.value_type().number() as i16);
                self.names.push(name.as_bytes());
                self.keys.push(key);
                self.values.push(whole);
            };
            match value {
                Value::Text(text) => {
                    row(None, None);
                    for word in text_tokens(text).collect::<BTreeSet<String>>() {
                        row(Some(encoding::key(word.as_bytes())), None);
                    }
                }
                Value::KeywordList(members) => {
                    for member in members.iter().collect::<BTreeSet<&String>>() {
                        row(Some(encoding::key(member.as_bytes())), None);
                    }
                }
                one => {
                    let Some(bytes) = encoding::value(one) else { continue };
                    let key = encoding::key(&bytes);
                    row(Some(key), (bytes.len() >= encoding::KEY_BYTES).then_some(bytes));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Attributes {
        [
            Value::Text("some \0 words, some".to_owned()),
            Value::Keyword("k\0\"é".to_owned()),
            Value::Int(i64::MIN),
            Value::Double(-0.1),
            Value::Bool(true),
            Value::Datetime(-1),
            Value::KeywordList(vec!["b".to_owned(), "a".to_owned(), "b".to_owned()]),
        ]
        .map(|value| (format!("My{}", value.value_type()), value))
        .into()
    }

    #[test]
    fn attributes_go_both_ways_and_nothing_else_is_read() {
        let bytes = encode(&all());
        assert_eq!(decode(&bytes), Some(all()));
        assert_eq!(decode(b""), Some(Attributes::new()));
        for (name, value) in all() {
            let one = encode(&Attributes::from([(name, value)]));
            for end in 1..one.len() {
                assert_eq!(decode(&one[..end]), None);
            }
        }
        assert_eq!(decode(b"\0\0\0\x01a\x09"), None, "of no type");
    }

    #[test]
    fn a_member_or_word_has_one_row_and_a_text_one_more() {
        let all = all();
        let mut rows = Rows::default();
        rows.push(7, &all);
        let keys = |name: &str| {
            let of = rows.names.iter().zip(&rows.keys).filter(|(of, _)| **of == name.as_bytes());
            of.map(|(_, key)| key.as_deref()).collect::<Vec<_>>()
        };
        assert_eq!(keys("MyKeywordList"), [Some(&b"a"[..]), Some(b"b")]);
        assert_eq!(keys("MyText"), [None, Some(&b"some"[..]), Some(b"words")]);
        assert!(rows.numbers.iter().all(|number| *number == 7));
    }
}
