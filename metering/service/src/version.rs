//! What the cube is called that an answer was read from. Pure.
//!
//! A name is a digest of all that decides what rows of hours before a moment say: of each shard's log what was taken in
//! of it. Equal names are equal rows, whichever process answered and whatever its database went through; of two names
//! none is the later one. A count would not do: a standby that took over, and took in again what it lacked, comes to
//! the count of its former primary with other rows.
//!
//! Of a shard that has sealed every hour before the moment, what came since matters only where it corrected sealed
//! hours ([`ShardProgress::corrected_at`]): the name of a month that is over stands while its cells go on.
//!
//! All that it needs is read with every page as it is, for completeness: 64 shards of 50 cells are 3,200 rows and some
//! 300 KB to digest.

use sha2::{Digest, Sha256};

use crate::completeness::{Manifest, Progress, Restored, ShardProgress};
use crate::decision::{Decision, Verdict};

impl Progress {
    /// The name of the usage of hours before `until_ms`, in hexadecimal.
    pub(crate) fn version(&self, until_ms: i64) -> String {
        let mut parts: Vec<Vec<u8>> = self.manifests.iter().map(of_manifest).collect();
        parts.extend(self.shards.iter().map(|shard| of_shard(shard, until_ms)));
        parts.extend(self.decisions.iter().map(of_decision));
        // However a database orders them.
        parts.sort_unstable();
        let mut digest = Sha256::new();
        for part in parts {
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part);
        }
        digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Fields of one thing, so that no two things are the same bytes.
struct Part(Vec<u8>);

impl Part {
    fn new(what: u8, cell_id: &str) -> Self {
        Self(vec![what]).bytes(cell_id.as_bytes())
    }

    fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.extend((bytes.len() as u64).to_be_bytes());
        self.0.extend(bytes);
        self
    }

    fn number(mut self, number: impl Into<i128>) -> Self {
        self.0.extend(number.into().to_be_bytes());
        self
    }
}

fn of_manifest(manifest: &Manifest) -> Vec<u8> {
    let Manifest { cell_id, incarnation, shard_count, first_hour_ms, region: _, restored } = manifest;
    let mut part = Part::new(b'm', cell_id).bytes(incarnation.as_bytes());
    part = part.number(*shard_count).number(*first_hour_ms);
    if let Some(Restored { replaces, first_rows, at_ms }) = restored {
        part = part.bytes(replaces.as_bytes()).number(*at_ms);
        part = first_rows.iter().fold(part, |part, row| part.number(*row));
    }
    part.0
}

fn of_shard(progress: &ShardProgress, until_ms: i64) -> Vec<u8> {
    let ShardProgress { shard_id: _, cell_id, incarnation, shard, watermark, .. } = progress;
    let ShardProgress { sealed_until_ms, written_at_ms, objects, corrected_at, fate, .. } = progress;
    let part = Part::new(b's', cell_id).bytes(incarnation.as_bytes()).number(*shard).number(*corrected_at);
    let part = part.bytes(fate.to_string().as_bytes());
    if sealed_until_ms.is_some_and(|sealed| sealed >= until_ms) {
        return part.0;
    }
    let sealed = sealed_until_ms.map_or(-1, i128::from);
    part.number(*watermark).number(*objects).number(*written_at_ms).number(sealed).0
}

fn of_decision(decision: &Decision) -> Vec<u8> {
    let Decision { cell_id, incarnation, verdict, decided_at_ms, .. } = decision;
    let part = |what| Part::new(what, cell_id).bytes(incarnation.as_bytes()).number(*decided_at_ms);
    match *verdict {
        Verdict::Retired { until_ms } => part(b'r').number(until_ms).0,
        Verdict::Lost { since_ms } => part(b'l').number(since_ms).0,
        Verdict::Skipped { shard, from_seq, to_seq, since_ms } => {
            part(b'g').number(shard).number(from_seq).number(to_seq).number(since_ms).0
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::hour::HOUR_MS;

    fn shard(number: u32, watermark: u64) -> ShardProgress {
        ShardProgress {
            shard_id: i64::from(number),
            ledger_id: i64::from(number),
            cell_id: "a".to_owned(),
            incarnation: Uuid::from_u128(1),
            shard: number,
            watermark,
            sealed_until_ms: Some(3 * HOUR_MS),
            written_at_ms: 3 * HOUR_MS + 5,
            objects: 7,
            corrected_at: 0,
            skipped_rows: 0,
            fate: crate::lineage::Fate::default(),
        }
    }

    fn version(shards: Vec<ShardProgress>, until: i64) -> String {
        Progress { shards, ..Progress::default() }.version(until * HOUR_MS)
    }

    #[test]
    fn as_many_objects_of_other_shards_are_another_version() {
        let one = vec![ShardProgress { objects: 8, ..shard(0, 9) }, shard(1, 5)];
        let other = vec![shard(0, 5), ShardProgress { objects: 8, ..shard(1, 9) }];
        assert_ne!(version(one.clone(), 9), version(other, 9));
        let turned = one.iter().rev().cloned().collect();
        assert_eq!(version(one, 9), version(turned, 9), "in whatever order they are read");
    }

    #[test]
    fn hours_that_are_sealed_keep_their_version_until_they_are_corrected() {
        let sealed = [shard(0, 5)];
        let on = ShardProgress { sealed_until_ms: Some(4 * HOUR_MS), objects: 9, ..shard(0, 12) };
        assert_eq!(version(sealed.to_vec(), 3), version(vec![on.clone()], 3));
        assert_ne!(version(sealed.to_vec(), 4), version(vec![on.clone()], 4), "hour 3 was open");
        let corrected = ShardProgress { corrected_at: 12, ..on };
        assert_ne!(version(sealed.to_vec(), 3), version(vec![corrected], 3));
    }

    #[test]
    fn the_hours_that_a_cell_must_seal_are_part_of_it() {
        let manifest = |first_hour_ms| Manifest {
            cell_id: "a".to_owned(),
            incarnation: Uuid::from_u128(1),
            shard_count: 1,
            first_hour_ms,
            region: String::new(),
            restored: None,
        };
        let version = |manifests| Progress { manifests, ..Progress::default() }.version(0);
        assert_ne!(version(vec![]), version(vec![manifest(0)]));
        assert_ne!(version(vec![manifest(0)]), version(vec![manifest(HOUR_MS)]));
    }
}
