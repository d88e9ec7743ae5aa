//! A shard's log, and objects over ranges of its rows.

use atoll_internal_api::usage::v1::usage_entry::Kind as EntryKind;
use atoll_internal_api::usage::v1::{
    ActionType, Actions, Attribution, HourSeal, PositionedEntry, StorageClass, StorageDelta, UsageEntry,
    UsageObject,
};
use bytes::Bytes;
use rand::Rng;
use rand::rngs::StdRng;
use uuid::Uuid;

use super::{INCARNATION, namespace};
use crate::hour::{HOUR_MS, start_of};
use crate::store::ShardName;

/// A row: its shard time, entries, and the hour that it seals.
pub(crate) struct Row {
    pub(crate) at_ms: i64,
    pub(crate) entries: Vec<UsageEntry>,
    pub(crate) seals: Option<i64>,
}

/// A shard's log.
pub(crate) struct Log {
    pub(crate) name: ShardName,
    /// Sequence number of the first row of the list: the others follow.
    pub(crate) first_row: u64,
    pub(crate) rows: Vec<Row>,
    /// From this row on namespaces belong to another project.
    pub(crate) moved_at: u64,
}

const ACTIONS: [ActionType; 3] =
    [ActionType::StartWorkflow, ActionType::StartTimer, ActionType::SignalWorkflow];

impl Log {
    /// A log over some hours, with back-dated deletions and seals that come late.
    pub(crate) fn random(random: &mut StdRng, shard: u32) -> Self {
        let rows = random.random_range(20..120);
        let moved_at = random.random_range(1..=rows);
        let name = ShardName { cell_id: "a".to_owned(), incarnation: INCARNATION, shard };
        let mut log = Self { name, first_row: 1, rows: Vec::new(), moved_at };
        let now = 10 * HOUR_MS + random.random_range(0..HOUR_MS);
        log.grow(random, rows, now, start_of(now));
        log
    }

    /// The log of a cell that was restored at this time, and goes on from what the other log has before `keeps`. It has
    /// sealed all that has ended, and goes on longer than the other one did.
    pub(crate) fn going_on(
        random: &mut StdRng,
        other: &Self,
        incarnation: Uuid,
        keeps: u64,
        at_ms: i64,
        sealed_until_ms: i64,
    ) -> Self {
        let name = ShardName { incarnation, ..other.name.clone() };
        let mut log = Self { name, first_row: keeps, rows: Vec::new(), moved_at: u64::MAX };
        let rows = random.random_range(5..60);
        let mut sealed_until = log.grow(random, rows, at_ms, sealed_until_ms);
        let now = log.told().max(other.told()) + HOUR_MS;
        while sealed_until < start_of(now) {
            log.rows.push(Row { at_ms: now, entries: Vec::new(), seals: Some(sealed_until) });
            sealed_until += HOUR_MS;
        }
        log
    }

    /// Adds rows. Answers the end of the last hour that is sealed.
    fn grow(&mut self, random: &mut StdRng, rows: u64, mut now: i64, mut sealed_until: i64) -> i64 {
        for _ in 0..rows {
            now += random.random_range(0..HOUR_MS / 12);
            let seals = (start_of(now) > sealed_until && random.random_bool(0.5)).then_some(sealed_until);
            if let Some(hour) = seals {
                sealed_until = hour + HOUR_MS;
                self.rows.push(Row { at_ms: now, entries: Vec::new(), seals });
                continue;
            }
            let entries = (0..random.random_range(0..4)).map(|_| entry(random, now, sealed_until)).collect();
            self.rows.push(Row { at_ms: now, entries, seals });
        }
        sealed_until
    }

    /// The time of the last row.
    pub(crate) fn told(&self) -> i64 {
        self.rows.last().map_or(0, |row| row.at_ms)
    }

    /// The end of the last hour that rows before this one seal.
    pub(crate) fn sealed_before(&self, row: u64) -> Option<i64> {
        let before = self.numbered().take_while(|(seq, _)| *seq < row);
        before.filter_map(|(_, row)| row.seals).last().map(|hour| hour + HOUR_MS)
    }

    /// One past the last row.
    pub(crate) fn end(&self) -> u64 {
        self.rows.len() as u64 + self.first_row
    }

    /// Rows with their sequence numbers.
    pub(crate) fn numbered(&self) -> impl Iterator<Item = (u64, &Row)> {
        (self.first_row..).zip(&self.rows)
    }
}

fn entry(random: &mut StdRng, now: i64, unsealed_from: i64) -> UsageEntry {
    let namespace_id = Bytes::copy_from_slice(namespace(random.random_range(0..3)).as_bytes());
    if random.random_bool(0.4) {
        let action = ACTIONS[random.random_range(0..ACTIONS.len())];
        let actions = Actions { r#type: action as i32, count: random.random_range(1..5) };
        return UsageEntry { namespace_id, at_ms: now, kind: Some(EntryKind::Actions(actions)) };
    }
    let class = if random.random_bool(0.5) { StorageClass::Active } else { StorageClass::Retained };
    // Deletions are dated back to when they were due, but never into a sealed hour.
    let at_ms = if random.random_bool(0.3) {
        random.random_range(unsealed_from.max(now - 2 * HOUR_MS)..=now)
    } else {
        now
    };
    let delta = StorageDelta { class: class as i32, bytes: random.random_range(-50_000..100_000) };
    UsageEntry { namespace_id, at_ms, kind: Some(EntryKind::Storage(delta)) }
}

/// The generation of namespace records that rows of this sequence number are written under.
pub(crate) fn owner_generation(log: &Log, seq: u64) -> u64 {
    if seq < log.moved_at { 1 } else { 2 }
}

/// The object of rows `[from, to)`, which are all before or all after the move.
pub(crate) fn object(log: &Log, from: u64, to: u64) -> UsageObject {
    let rows: Vec<(u64, &Row)> = log.numbered().filter(|(seq, _)| (from..to).contains(seq)).collect();
    let mut entries = Vec::new();
    let mut seals = Vec::new();
    for (seq, row) in &rows {
        for (index, entry) in (0..).zip(&row.entries) {
            entries.push(PositionedEntry { seq: *seq, index, entry: Some(entry.clone()) });
        }
        seals.extend(row.seals.map(|hour_start_ms| HourSeal { hour_start_ms, seq: *seq }));
    }
    let mut named: Vec<Bytes> =
        entries.iter().filter_map(|e| e.entry.as_ref()).map(|e| e.namespace_id.clone()).collect();
    named.sort_unstable();
    named.dedup();
    let generation = owner_generation(log, from);
    UsageObject {
        cell_id: log.name.cell_id.clone(),
        incarnation: Bytes::copy_from_slice(log.name.incarnation.as_bytes()),
        shard: log.name.shard,
        from_seq: from,
        to_seq: to,
        entries,
        seals,
        attributions: named.iter().map(|id| attribution(id, generation)).collect(),
        written_at_ms: rows.last().map_or(0, |(_, row)| row.at_ms),
    }
}

fn attribution(namespace_id: &Bytes, generation: u64) -> Attribution {
    let id = Uuid::from_slice(namespace_id).unwrap();
    Attribution {
        namespace_id: namespace_id.clone(),
        namespace: format!("ns-{:x}.acme1", id.as_u128()),
        account_id: "acme1".to_owned(),
        project_id: format!("project-{generation}"),
        tags: [("generation".to_owned(), generation.to_string())].into_iter().collect(),
        generation,
    }
}
