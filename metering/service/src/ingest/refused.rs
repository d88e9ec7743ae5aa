//! Objects that cannot be read as what they should be, and when to try again.

use std::collections::{BTreeMap, BTreeSet};

/// Most looks between two readings of such an object: a quarter of an hour at the usual pace, so that one that is
/// restored is in within the hour, and each reading that fails is one line of log.
const MOST_LOOKS: u32 = 64;

/// What was refused, by key. Losing it costs one reading of each.
#[derive(Debug, Default)]
pub(crate) struct Refused(BTreeMap<String, Wait>);

#[derive(Debug)]
struct Wait {
    /// Number of the look that reads it again.
    until: u32,
    /// Looks between the last two readings.
    looks: u32,
    /// What is wrong with it.
    problem: String,
}

impl Refused {
    /// Takes note, in the look of this number, that an object is refused. Answers in how many looks it is read again:
    /// twice as many as before.
    pub(super) fn refuse(&mut self, key: &str, look: u32, problem: &str) -> u32 {
        let before = self.0.get(key).map_or(0, |wait| wait.looks);
        let looks = before.saturating_mul(2).clamp(1, MOST_LOOKS);
        let problem = problem.to_owned();
        self.0.insert(key.to_owned(), Wait { until: look.saturating_add(looks), looks, problem });
        looks
    }

    /// Whether the look of this number leaves the object alone.
    pub(super) fn is_left_alone(&self, key: &str, look: u32) -> bool {
        self.0.get(key).is_some_and(|wait| look < wait.until)
    }

    /// The object is whole, or not wanted any more.
    pub(super) fn forget(&mut self, key: &str) {
        self.0.remove(key);
    }

    /// Whether the object is refused now.
    pub(super) fn holds(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }

    /// Forgets what begins with `prefix` and was not seen in a listing of all that does: it was removed.
    pub(super) fn keep_seen(&mut self, prefix: &str, seen: &BTreeSet<String>) {
        self.0.retain(|key, _| !key.starts_with(prefix) || seen.contains(key));
    }

    /// What begins with `prefix` and is refused, with what is wrong with it, in the order of keys.
    pub(super) fn of<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        let from = self.0.range(prefix.to_owned()..).take_while(move |(key, _)| key.starts_with(prefix));
        from.map(|(key, wait)| (key.as_str(), wait.problem.as_str()))
    }

    /// How many are refused now.
    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readings_become_rarer_and_never_end() {
        let mut refused = Refused::default();
        let mut readings = Vec::new();
        for look in 1..=256 {
            if !refused.is_left_alone("key", look) {
                readings.push(look);
                refused.refuse("key", look, "damaged");
            }
        }
        assert_eq!(readings, [1, 2, 4, 8, 16, 32, 64, 128, 192, 256]);
        assert_eq!(refused.count(), 1);
        refused.forget("key");
        assert!(!refused.is_left_alone("key", 257), "whole again");
        assert_eq!(refused.count(), 0);
    }

    #[test]
    fn what_was_removed_is_forgotten() {
        let mut refused = Refused::default();
        for key in ["a/1", "a/2", "b/1"] {
            refused.refuse(key, 1, "damaged");
        }
        refused.keep_seen("a/", &["a/2".to_owned()].into());
        assert_eq!(["a/1", "a/2", "b/1"].map(|key| refused.holds(key)), [false, true, true]);
    }
}
