//! Reading manifests and usage objects.

use std::collections::BTreeSet;

use atoll_internal_api::usage::v1::{CellManifest, UsageObject};
use atoll_object_store::ObjectStoreError;
use bytes::Bytes;
use prost::Message;
use uuid::Uuid;

use super::{Ingest, IngestError, Memory, Waiting, meters};
use crate::completeness::{Manifest, Progress, Restored, ShardProgress};
use crate::cube::LONGEST_NAMES;
use crate::decision::retired;
use crate::hour::start_of;
use crate::ledger::{Applied, FIRST_ROW, is_time};
use crate::lineage::Origin;
use crate::store::ShardName;

/// Keys listed at once: what S3 gives.
pub(super) const PAGE: usize = 1_000;

/// Most shards that a manifest may name: a broken one must not make every look endless.
const MOST_SHARDS: u32 = 65_536;

impl Ingest {
    /// Takes up manifests that the database does not know: new ones, and those that it has lost with a primary. The
    /// error is the last one: what can be read is taken up all the same.
    pub(super) async fn read_manifests(
        &self,
        known: &[Manifest],
        memory: &mut Memory,
    ) -> Result<(), IngestError> {
        let known = known.iter().map(|known| usage_object::manifest_key(&known.cell_id, known.incarnation));
        let known: BTreeSet<String> = known.collect();
        let mut after: Option<String> = None;
        let mut failed = Ok(());
        loop {
            let keys = self.objects.list(usage_object::manifest_prefix(), after.as_deref(), PAGE).await?;
            for key in keys.iter().filter(|key| key.ends_with("/manifest")) {
                if known.contains(key) || memory.refused.is_left_alone(key, memory.looks) {
                    continue;
                }
                let bytes = match self.objects.get(key, usage_object::LARGEST_MANIFEST).await {
                    Ok(Some(bytes)) => bytes,
                    Ok(None) => continue,
                    // Nothing of ours is called so.
                    Err(error @ (ObjectStoreError::InvalidKey(_) | ObjectStoreError::TooLarge { .. })) => {
                        refuse(memory, key, &error.to_string());
                        continue;
                    }
                    Err(error) => {
                        failed = Err(error.into());
                        continue;
                    }
                };
                let read = manifest(key, &CellManifest::decode(bytes).unwrap_or_default());
                let read = read.ok_or_else(|| "not a cell manifest of that name".to_owned());
                match read.and_then(|manifest| self.in_time(manifest)) {
                    Ok(manifest) => {
                        self.store.insert_manifest(&manifest).await?;
                        memory.refused.forget(key);
                    }
                    Err(problem) => refuse(memory, key, &problem),
                }
            }
            after = next_page(&keys);
            if after.is_none() {
                return failed;
            }
        }
    }

    /// Hours before a cell's first one ask nothing of it: one that begins in the future would let every hour pass.
    fn in_time(&self, manifest: Manifest) -> Result<Manifest, String> {
        let restored_ms = manifest.restored.as_ref().map_or(0, |restored| restored.at_ms);
        self.time_ahead(manifest.first_hour_ms.max(restored_ms)).map_or(Ok(manifest), Err)
    }

    /// Takes in what a shard has written since the last look, in order.
    pub(super) async fn take_in_shard(
        &self,
        origin: &Origin,
        progress: &Progress,
        everything: bool,
        memory: &mut Memory,
    ) -> Result<(), IngestError> {
        let name = &origin.name;
        let known = progress.shards.iter().find(|shard| {
            shard.cell_id == name.cell_id
                && shard.incarnation == name.incarnation
                && shard.shard == name.shard
        });
        let mut watermark = known.map_or(origin.first_row, |shard| shard.watermark);
        let retired_ms = retired(&progress.decisions, &name.cell_id, name.incarnation);
        let begin = match origin.lost_since_ms {
            Some(since_ms) => Begin::since(name, retired_ms, since_ms),
            None => Begin { retired_ms, ..Begin::of(name, known) },
        };
        let mut gap = self.walk_through(origin, &mut watermark, &begin, everything, memory).await?;
        // What closes a gap may have been written with an earlier first row.
        if gap.is_some() && !everything {
            gap = self.walk(origin, &mut watermark, &begin, true, memory).await?;
        }
        meters::gap(name, gap.is_some());
        note_waiting(name, watermark, gap, memory);
        if gap.is_some() && memory.gaps.insert((name.clone(), watermark)) {
            let ShardName { cell_id, shard, .. } = name;
            tracing::warn!(cell_id, shard, row = watermark, "usage of log rows is missing; waiting for it");
        }
        Ok(())
    }

    /// As [`walk`](Self::walk), again as long as a gap is closed by what is listed behind it.
    pub(super) async fn walk_through(
        &self,
        origin: &Origin,
        watermark: &mut u64,
        begin: &Begin,
        everything: bool,
        memory: &mut Memory,
    ) -> Result<Option<u64>, IngestError> {
        let mut gap = self.walk(origin, watermark, begin, everything, memory).await?;
        while gap.is_some_and(|gap| gap <= *watermark) {
            gap = self.walk(origin, watermark, begin, everything, memory).await?;
        }
        Ok(gap)
    }

    /// Takes in what follows. Answers the first row of an object that is there, where rows before it are missing.
    async fn walk(
        &self,
        origin: &Origin,
        watermark: &mut u64,
        begin: &Begin,
        everything: bool,
        memory: &mut Memory,
    ) -> Result<Option<u64>, IngestError> {
        let name = &origin.name;
        let prefix = usage_object::shard_prefix(&name.cell_id, name.incarnation, name.shard);
        // A database that lost its end has a watermark from before what is remembered.
        let from = memory.last_from.get(name).map_or(*watermark, |&from| from.min(*watermark));
        let (mut seen, mut gap) = (BTreeSet::new(), None);
        let mut after = if everything { begin.day() } else { begin.row(from) };
        loop {
            let keys = self.objects.list(&prefix, after.as_deref(), PAGE).await?;
            let next = next_page(&keys);
            for key in keys {
                if memory.refused.holds(&key) {
                    seen.insert(key.clone());
                }
                let Some((from, to)) = usage_object::parse_key(&key) else {
                    stranger(memory, key);
                    continue;
                };
                if to <= *watermark {
                    // Its rows came another way.
                    memory.refused.forget(&key);
                    continue;
                }
                if from > *watermark && begin.ends_at_gaps {
                    return Ok(Some(from));
                }
                if from > *watermark {
                    gap = Some(gap.map_or(from, |gap: u64| gap.min(from)));
                    continue;
                }
                if memory.refused.is_left_alone(&key, memory.looks) {
                    continue;
                }
                if self.take_in(origin, &key, begin, memory).await? {
                    *watermark = to;
                    memory.last_from.insert(name.clone(), from);
                } else if memory.refused.holds(&key) {
                    // Refused only now.
                    seen.insert(key);
                }
            }
            if next.is_none() {
                if everything {
                    memory.refused.keep_seen(&prefix, &seen);
                }
                return Ok(gap);
            }
            after = next;
        }
    }

    /// The object of this key; none where it is not there. The inner error says why it is no usage.
    pub(super) async fn read_object(
        &self,
        key: &str,
    ) -> Result<Result<Option<UsageObject>, String>, IngestError> {
        let bytes = match self.objects.get(key, usage_object::LARGEST_FILE).await {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Ok(Ok(None)),
            Err(error @ ObjectStoreError::TooLarge { .. }) => return Ok(Err(error.to_string())),
            Err(error) => return Err(error.into()),
        };
        Ok(match read(bytes).await {
            Ok(object) if is_named(&object, key) => Ok(Some(object)),
            Ok(_) => Err("holds another object than its name says".to_owned()),
            Err(problem) => Err(problem),
        })
    }

    /// Whether the object is in now. One that is no usage is reported, and its rows stay missing.
    async fn take_in(
        &self,
        origin: &Origin,
        key: &str,
        begin: &Begin,
        memory: &mut Memory,
    ) -> Result<bool, IngestError> {
        let name = &origin.name;
        let object = match self.read_object(key).await? {
            Ok(Some(object)) => object,
            Ok(None) => return Ok(false),
            Err(problem) => {
                refuse(memory, key, &problem);
                return Ok(false);
            }
        };
        if let Some(problem) = self.ahead(&object) {
            refuse(memory, key, &problem);
            return Ok(false);
        }
        match self.store.take_in(origin, &object).await? {
            Ok(applied) => {
                memory.refused.forget(key);
                meters::applied(name, key, applied);
                if let (Some(retired_ms), Applied::Taken { .. }) = (begin.retired_ms, applied) {
                    meters::after_retirement(name, key, since(&object, retired_ms));
                }
                Ok(applied != Applied::Gap)
            }
            Err(error) => {
                refuse(memory, key, &error.to_string());
                Ok(false)
            }
        }
    }
}

/// The key behind which the next page begins; none behind a page that is not full.
pub(super) fn next_page(keys: &[String]) -> Option<String> {
    keys.last().filter(|_| keys.len() >= PAGE).cloned()
}

/// Where the list of a shard's objects begins: keys of earlier days can say nothing new, for an object that reaches
/// behind what is in ends no earlier than what is in does.
pub(super) struct Begin {
    /// From when on the shard's cell is not asked any more.
    retired_ms: Option<i64>,
    /// Whether nothing behind a gap can close it.
    ends_at_gaps: bool,
    /// The prefix of the day of the last object that was taken in; none where none was.
    day: Option<String>,
}

impl Begin {
    /// At the very first object of a log that was replaced: what comes first of it may be listed last, for a restored
    /// cell writes what it holds of it later than what was lost.
    pub(super) fn everywhere(retired_ms: Option<i64>) -> Self {
        Self { retired_ms, day: None, ends_at_gaps: false }
    }

    fn of(name: &ShardName, known: Option<&ShardProgress>) -> Self {
        let day = |known: &ShardProgress| {
            let at_ms = known.written_at_ms;
            // What was taken in had a key, so that its time was one.
            usage_object::day_prefix(&name.cell_id, name.incarnation, name.shard, at_ms).ok()
        };
        Self { retired_ms: None, day: known.and_then(day), ends_at_gaps: true }
    }

    /// As [`everywhere`](Self::everywhere), from the day of this time on.
    fn since(name: &ShardName, retired_ms: Option<i64>, at_ms: i64) -> Self {
        let day = usage_object::day_prefix(&name.cell_id, name.incarnation, name.shard, at_ms);
        Self { day: day.ok(), ..Self::everywhere(retired_ms) }
    }

    /// Before every object of the day.
    fn day(&self) -> Option<String> {
        self.day.clone()
    }

    /// Behind every object of the day that begins before this row: `.` comes after the `-` between rows.
    fn row(&self, from: u64) -> Option<String> {
        self.day.as_ref().map(|day| format!("{day}{:020}.", from.saturating_sub(1)))
    }
}

/// Decoding takes time, and a file that is damaged in an unforeseen way may make the reader panic.
async fn read(bytes: Bytes) -> Result<UsageObject, String> {
    match tokio::task::spawn_blocking(move || usage_object::decode(bytes)).await {
        Ok(decoded) => decoded.map_err(|error| error.to_string()),
        Err(panicked) => Err(panicked.to_string()),
    }
}

fn is_named(object: &UsageObject, key: &str) -> bool {
    usage_object::key(object).is_ok_and(|name| name == key)
}

/// Entries of this time or later.
fn since(object: &UsageObject, at_ms: i64) -> usize {
    let entries = object.entries.iter().filter_map(|positioned| positioned.entry.as_ref());
    entries.filter(|entry| entry.at_ms >= at_ms).count()
}

/// Takes note of what a shard waits for, if it does: rows before an object that is there, or an object that is refused.
pub(super) fn note_waiting(name: &ShardName, watermark: u64, gap: Option<u64>, memory: &mut Memory) {
    let prefix = usage_object::shard_prefix(&name.cell_id, name.incarnation, name.shard);
    let mut refused = memory.refused.of(&prefix).filter_map(|(key, problem)| {
        let (from, to) = usage_object::parse_key(key)?;
        (from <= watermark && watermark < to).then_some((to, problem))
    });
    let refused = refused.next();
    if gap.is_none() && refused.is_none() {
        memory.waiting.remove(name);
        return;
    }
    let waiting = Waiting {
        name: name.clone(),
        from_seq: watermark,
        to_seq: gap.or(refused.map(|(to, _)| to)),
        problem: refused.map(|(_, problem)| problem.to_owned()).unwrap_or_default(),
    };
    memory.waiting.insert(name.clone(), waiting);
}

/// The manifest under this key; none where it is not one.
fn manifest(key: &str, manifest: &CellManifest) -> Option<Manifest> {
    let incarnation = Uuid::from_slice(&manifest.incarnation).ok()?;
    let first_hour_ms = manifest.first_hour_start_ms;
    let valid = usage_object::manifest_key(&manifest.cell_id, incarnation) == key
        && (1..=MOST_SHARDS).contains(&manifest.shard_count)
        && manifest.cell_id.len() + manifest.region.len() <= LONGEST_NAMES
        && is_time(first_hour_ms)
        && first_hour_ms == start_of(first_hour_ms);
    valid.then_some(())?;
    Some(Manifest {
        cell_id: manifest.cell_id.clone(),
        incarnation,
        shard_count: manifest.shard_count,
        first_hour_ms,
        region: manifest.region.clone(),
        restored: restored(manifest, incarnation)?,
    })
}

/// What an incarnation goes on from, if it does; none where what the manifest says of it makes no sense.
fn restored(manifest: &CellManifest, incarnation: Uuid) -> Option<Option<Restored>> {
    if manifest.replaces.is_empty() {
        return Some(None);
    }
    let replaces = Uuid::from_slice(&manifest.replaces).ok()?;
    let is_row = |row: &u64| *row >= FIRST_ROW && i64::try_from(*row).is_ok();
    let valid = replaces != incarnation
        && manifest.first_seq.len() == manifest.shard_count as usize
        && manifest.first_seq.iter().all(is_row)
        && is_time(manifest.restored_at_ms);
    let (first_rows, at_ms) = (manifest.first_seq.clone(), manifest.restored_at_ms);
    valid.then_some(Some(Restored { replaces, first_rows, at_ms }))
}

/// It is read again later: whoever keeps the objects may restore it.
fn refuse(memory: &mut Memory, key: &str, problem: &str) {
    meters::refusal();
    let looks = memory.refused.refuse(key, memory.looks, problem);
    tracing::error!(
        key,
        problem,
        again_in_looks = looks,
        "an object of usage is refused; what it should say is missing"
    );
}

fn stranger(memory: &mut Memory, key: String) {
    if !memory.strangers.contains(&key) {
        tracing::error!(key, "not the name of a usage object; it is left alone");
        memory.strangers.insert(key);
    }
}
