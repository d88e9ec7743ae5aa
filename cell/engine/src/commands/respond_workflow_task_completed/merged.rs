//! What the upserts of one answer make of the memo or of the search attributes that the run has: its size, at the cost
//! of what is upserted.

use crate::run::{Fields, is_nothing};
use atoll_api::temporal::api::common::v1::{Memo, Payload};
use prost::Message;
use std::collections::BTreeMap;

/// Sizes of a run's fields, with what the answer has upserted so far.
#[derive(Default)]
pub(super) struct Merged {
    of: Option<Sizes>,
}

struct Sizes {
    each: BTreeMap<String, usize>,
    bytes: usize,
}

impl Merged {
    /// Takes an upsert of fields that the run had before the answer; answers the encoded length of all fields then.
    pub(super) fn take<'a>(
        &mut self,
        before: &Fields,
        fields: impl IntoIterator<Item = (&'a String, &'a Payload)>,
    ) -> usize {
        let sizes = self.of.get_or_insert_with(|| {
            let mut sizes = Sizes { each: BTreeMap::new(), bytes: 0 };
            before.iter().for_each(|(name, value)| sizes.set(name, value));
            sizes
        });
        fields.into_iter().for_each(|(name, value)| sizes.set(name, value));
        sizes.bytes
    }
}

impl Sizes {
    fn set(&mut self, name: &str, value: &Payload) {
        let (bytes, before) = if is_nothing(value) {
            (0, self.each.remove(name))
        } else {
            // Memo and search attributes are encoded alike.
            let alone = Memo { fields: [(name.to_owned(), value.clone())].into() };
            let bytes = alone.encoded_len();
            (bytes, self.each.insert(name.to_owned(), bytes))
        };
        self.bytes = self.bytes + bytes - before.unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(bytes: usize) -> Payload {
        let metadata = [("encoding".to_owned(), bytes::Bytes::from_static(b"binary/plain"))].into();
        Payload { metadata, data: vec![0; bytes].into(), ..Default::default() }
    }

    #[test]
    fn fields_are_counted_once_and_removed_ones_not_at_all() {
        let mut merged = Merged::default();
        let mut fields: Fields = [("a".to_owned(), value(10)), ("b".to_owned(), value(300))].into();
        let before = fields.clone();
        for (name, value) in [
            ("b", value(20)),
            ("c", value(1_000)),
            ("a", Payload::default()),
            ("missing", Payload::default()),
            ("c", value(0)),
        ] {
            let upserted: Fields = [(name.to_owned(), value.clone())].into();
            match is_nothing(&value) {
                true => fields.remove(name),
                false => fields.insert(name.to_owned(), value),
            };
            let all = Memo { fields: fields.clone() };
            assert_eq!(merged.take(&before, &upserted), all.encoded_len(), "{name}");
        }
        assert_eq!(fields.len(), 2);
    }
}
