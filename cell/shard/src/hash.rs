//! Which shard an entity's id lives on.

use cell_store::ShardId;
use uuid::Uuid;
use xxhash_rust::xxh3::Xxh3;

/// The shard of an entity's id, which of runs is the workflow id: xxh3-64 over the namespace's UUID bytes, then the
/// id's UTF-8 bytes, modulo the cell's fixed shard count. Stored data depends on it: it never changes.
pub fn shard_of(namespace_id: Uuid, id: &str, shard_count: u32) -> ShardId {
    let mut hasher = Xxh3::new();
    hasher.update(namespace_id.as_bytes());
    hasher.update(id.as_bytes());
    ShardId((hasher.digest() % u64::from(shard_count)) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frozen_test_vector() {
        let ns = Uuid::from_u128(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef);
        let got: Vec<u32> = [
            "",
            "order-1",
            "order-2",
            "ä",
            "a-rather-long-workflow-id-that-spans-more-than-one-lane-of-xxh3",
        ]
        .iter()
        .map(|id| shard_of(ns, id, 64).0)
        .collect();
        assert_eq!(got, FROZEN);
        assert!((0..100).all(|i| shard_of(ns, &i.to_string(), 8).0 < 8));
    }

    const FROZEN: [u32; 5] = [15, 23, 40, 59, 28];
}
