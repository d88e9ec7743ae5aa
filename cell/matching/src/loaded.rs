//! How many partitions are in memory, and what they take: of each namespace, and of all.

use std::collections::BTreeMap;

use uuid::Uuid;

use crate::config::MatchingConfig;

/// Counts of partitions that are in memory.
#[derive(Default)]
pub(crate) struct Loaded {
    /// Bytes of memory of the partitions themselves.
    bytes: usize,
    /// Of those that have some.
    namespaces: BTreeMap<Uuid, Held>,
}

#[derive(Clone, Copy, Default)]
struct Held {
    count: usize,
    bytes: usize,
}

impl Loaded {
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Counts one more of so many bytes; false where there is no room for it. A namespace has so many at most, and
    /// leaves at least as many bytes free as it has: whoever comes next finds something.
    pub(crate) fn add(&mut self, namespace_id: Uuid, bytes: usize, config: &MatchingConfig) -> bool {
        let held = self.namespaces.get(&namespace_id).copied().unwrap_or_default();
        let (all, theirs) = (self.bytes + bytes, held.bytes + bytes);
        if held.count >= config.namespace_partitions || all + theirs > config.partition_bytes {
            return false;
        }
        self.bytes = all;
        self.namespaces.insert(namespace_id, Held { count: held.count + 1, bytes: theirs });
        true
    }

    /// One of so many bytes has gone.
    pub(crate) fn remove(&mut self, namespace_id: Uuid, bytes: usize) {
        self.bytes -= bytes;
        if let Some(held) = self.namespaces.get_mut(&namespace_id) {
            (held.count, held.bytes) = (held.count - 1, held.bytes - bytes);
            if held.count == 0 {
                self.namespaces.remove(&namespace_id);
            }
        }
    }
}
