use bytes::Bytes;
use std::collections::BTreeMap;

/// Ranges that are told apart.
const MOST_RANGES: usize = 1_000;

/// Keys of items that were passed over and are in the outbox alone: that many one by one, and of more some ranges, in
/// which others may be, too.
#[derive(Default)]
pub(super) struct Passed {
    /// First key to last. They do not overlap.
    ranges: BTreeMap<Bytes, Bytes>,
}

impl Passed {
    /// Whether this was passed over, or may have been.
    pub(super) fn may_hold(&self, key: &Bytes) -> bool {
        self.ranges.range::<Bytes, _>(..=key).next_back().is_some_and(|(_, last)| key <= last)
    }

    /// Adds a key. Where there are too many to tell apart it becomes one range with what is next to it.
    pub(super) fn insert(&mut self, key: Bytes) {
        if self.may_hold(&key) {
            return;
        }
        if self.ranges.len() < MOST_RANGES {
            self.ranges.insert(key.clone(), key);
            return;
        }
        if let Some((_, last)) = self.ranges.range_mut::<Bytes, _>(..&key).next_back() {
            *last = key;
        } else if let Some((_, last)) = self.ranges.pop_first() {
            self.ranges.insert(key, last);
        }
    }

    /// The first of them.
    pub(super) fn first(&self) -> Option<&Bytes> {
        self.ranges.keys().next()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: u64) -> Bytes {
        Bytes::copy_from_slice(&number.to_be_bytes())
    }

    #[test]
    fn so_many_are_told_apart_and_of_more_none_is_missing() {
        let mut passed = Passed::default();
        let most = MOST_RANGES as u64;
        (1..=most).for_each(|number| passed.insert(key(10 * number)));
        assert_eq!((passed.first(), passed.ranges.len()), (Some(&key(10)), MOST_RANGES));
        assert!((1..=most).all(|number| passed.may_hold(&key(10 * number))));
        assert!((0..=most).all(|number| !passed.may_hold(&key(10 * number + 5))));
        for more in [5, 7, 2_003, 10 * most + 9] {
            passed.insert(key(more));
            assert!(passed.may_hold(&key(more)));
        }
        assert!((1..=most).all(|number| passed.may_hold(&key(10 * number))));
        assert_eq!(passed.ranges.len(), MOST_RANGES);
        let hidden = (0..=10 * most + 9).filter(|number| passed.may_hold(&key(*number))).count() as u64;
        assert_eq!(hidden, most + 5 + 3 + 9, "no more than next to those");
    }
}
