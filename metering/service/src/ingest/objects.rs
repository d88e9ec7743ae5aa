//! Reading manifests and usage objects.

use std::collections::BTreeSet;

use atoll_internal_api::usage::v1::{CellManifest, UsageObject};
use atoll_object_store::ObjectStoreError;
use bytes::Bytes;
use prost::Message;
use uuid::Uuid;

use super::{Ingest, IngestError, Memory, Waiting, meters};
use crate::completeness::{Manifest, Progress, ShardProgress};
use crate::cube::LONGEST_NAMES;
use crate::decision::retired;
use crate::hour::start_of;
use crate::ledger::{Applied, FIRST_ROW, is_time};
use crate::store::ShardName;

/// Keys listed at once: what S3 gives.
const PAGE: usize = 1_000;

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
        self.time_ahead(manifest.first_hour_ms).map_or(Ok(manifest), Err)
    }

    /// Takes in what a shard has written since the last look, in order.
    pub(super) async fn take_in_shard(
        &self,
        name: &ShardName,
        progress: &Progress,
        everything: bool,
        memory: &mut Memory,
    ) -> Result<(), IngestError> {
        let known = progress.shards.iter().find(|shard| {
            shard.cell_id == name.cell_id
                && shard.incarnation == name.incarnation
                && shard.shard == name.shard
        });
        let mut watermark = known.map_or(FIRST_ROW, |shard| shard.watermark);
        let retired_ms = retired(&progress.decisions, &name.cell_id, name.incarnation);
        let begin = Begin { retired_ms, ..Begin::of(name, known) };
        let mut gap = self.walk(name, &mut watermark, &begin, everything, memory).await?;
        // What closes a gap may have been written with an earlier first row.
        if gap.is_some() && !everything {
            gap = self.walk(name, &mut watermark, &begin, true, memory).await?;
        }
        meters::gap(name, gap.is_some());
        note_waiting(name, watermark, gap, memory);
        if gap.is_some() && memory.gaps.insert((name.clone(), watermark)) {
            let ShardName { cell_id, shard, .. } = name;
            tracing::warn!(cell_id, shard, row = watermark, "usage of log rows is missing; waiting for it");
        }
        Ok(())
    }

    /// Takes in what follows. Answers the first row of an object that is there, where rows before it are missing.
    async fn walk(
        &self,
        name: &ShardName,
        watermark: &mut u64,
        begin: &Begin,
        everything: bool,
        memory: &mut Memory,
    ) -> Result<Option<u64>, IngestError> {
        let prefix = usage_object::shard_prefix(&name.cell_id, name.incarnation, name.shard);
        // A database that lost its end has a watermark from before what is remembered.
        let from = memory.last_from.get(name).map_or(*watermark, |&from| from.min(*watermark));
        let mut seen = BTreeSet::new();
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
                if from > *watermark {
                    return Ok(Some(from));
                }
                if memory.refused.is_left_alone(&key, memory.looks) {
                    continue;
                }
                if self.take_in(name, &key, begin, memory).await? {
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
                return Ok(None);
            }
            after = next;
        }
    }

    /// Whether the object is in now. One that is no usage is reported, and its rows stay missing.
    async fn take_in(
        &self,
        name: &ShardName,
        key: &str,
        begin: &Begin,
        memory: &mut Memory,
    ) -> Result<bool, IngestError> {
        let bytes = match self.objects.get(key, usage_object::LARGEST_FILE).await {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Ok(false),
            Err(error @ ObjectStoreError::TooLarge { .. }) => {
                refuse(memory, key, &error.to_string());
                return Ok(false);
            }
            Err(error) => return Err(error.into()),
        };
        let object = match read(bytes).await {
            Ok(object) if is_named(&object, key) => object,
            Ok(_) => {
                refuse(memory, key, "holds another object than its name says");
                return Ok(false);
            }
            Err(problem) => {
                refuse(memory, key, &problem);
                return Ok(false);
            }
        };
        if let Some(problem) = self.ahead(&object) {
            refuse(memory, key, &problem);
            return Ok(false);
        }
        match self.store.take_in(name, &object).await? {
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
fn next_page(keys: &[String]) -> Option<String> {
    keys.last().filter(|_| keys.len() >= PAGE).cloned()
}

/// Where the list of a shard's objects begins: keys of earlier days can say nothing new, for an object that reaches
/// behind what is in ends no earlier than what is in does.
struct Begin {
    /// From when on the shard's cell is not asked any more.
    retired_ms: Option<i64>,
    /// The prefix of the day of the last object that was taken in; none where none was.
    day: Option<String>,
}

impl Begin {
    fn of(name: &ShardName, known: Option<&ShardProgress>) -> Self {
        let day = |known: &ShardProgress| {
            let at_ms = known.written_at_ms;
            // What was taken in had a key, so that its time was one.
            usage_object::day_prefix(&name.cell_id, name.incarnation, name.shard, at_ms).ok()
        };
        Self { retired_ms: None, day: known.and_then(day) }
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
fn note_waiting(name: &ShardName, watermark: u64, gap: Option<u64>, memory: &mut Memory) {
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
    valid.then(|| Manifest {
        cell_id: manifest.cell_id.clone(),
        incarnation,
        shard_count: manifest.shard_count,
        first_hour_ms,
        region: manifest.region.clone(),
    })
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
