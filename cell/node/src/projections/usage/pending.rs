//! What one shard's log holds that the object store does not have yet.

use atoll_internal_api::usage::v1::{Attribution, HourSeal, PositionedEntry, UsageObject};
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};

/// Usage of one shard that is durable in the log and not confirmed, and how it falls into objects.
///
/// An object names one owner per namespace. Where a namespace's owner changes, the object ends: the entries before belong
/// to whom it belonged then.
#[derive(Default)]
pub(super) struct Pending {
    /// Rows `[from_seq, to_seq)` are not confirmed.
    from_seq: u64,
    to_seq: u64,
    /// Shard time up to which all this speaks.
    at_ms: i64,
    entries: Vec<PositionedEntry>,
    seals: Vec<HourSeal>,
    /// Owners by namespace id, each from a row on.
    owners: BTreeMap<Bytes, BTreeMap<u64, Attribution>>,
    /// Rows before which an object ends because an owner changed.
    cuts: BTreeSet<u64>,
    /// Outbox rows by their first row, with the row they end before.
    outbox: BTreeMap<u64, u64>,
    /// Outbox keys whose rows are in the object store now.
    confirmed: Vec<Bytes>,
}

impl Pending {
    /// What an outbox holds, oldest first.
    pub(super) fn restored(objects: impl IntoIterator<Item = UsageObject>) -> Self {
        let mut pending = Self::default();
        for object in objects {
            if pending.outbox.is_empty() {
                pending.from_seq = object.from_seq;
            }
            pending.outbox.insert(object.from_seq, object.to_seq);
            let owners: BTreeMap<Bytes, Attribution> =
                object.attributions.iter().map(|one| (one.namespace_id.clone(), one.clone())).collect();
            pending.at_ms = pending.at_ms.max(object.written_at_ms);
            pending.add(object.from_seq..object.to_seq, &object.entries, &object.seals, |id| {
                owners.get(id).cloned()
            });
        }
        pending
    }

    /// A stretch of the log; rows that are known already are passed over. `owner` says whose a namespace is now.
    pub(super) fn durable(
        &mut self,
        rows: std::ops::Range<u64>,
        at_ms: i64,
        entries: &[PositionedEntry],
        seals: &[HourSeal],
        owner: impl Fn(&Bytes) -> Option<Attribution>,
    ) {
        if self.to_seq == 0 && rows.start > 1 {
            // Everything before the checkpoint was confirmed when it was taken.
            self.from_seq = rows.start;
        }
        self.at_ms = at_ms;
        self.add(rows, entries, seals, owner);
    }

    fn add(
        &mut self,
        rows: std::ops::Range<u64>,
        entries: &[PositionedEntry],
        seals: &[HourSeal],
        owner: impl Fn(&Bytes) -> Option<Attribution>,
    ) {
        let known = self.to_seq;
        let begins = rows.start.max(known);
        let new = || entries.iter().filter(|entry| entry.seq >= known);
        let namespaces: BTreeSet<&Bytes> =
            new().filter_map(|entry| Some(&entry.entry.as_ref()?.namespace_id)).collect();
        for id in namespaces {
            let Some(now) = owner(id) else { continue };
            let owners = self.owners.entry(id.clone()).or_default();
            match owners.values().next_back() {
                Some(before) if *before == now => {}
                before => {
                    if before.is_some() {
                        self.cuts.insert(begins);
                    }
                    owners.insert(begins, now);
                }
            }
        }
        self.entries.extend(new().cloned());
        self.seals.extend(seals.iter().filter(|seal| seal.seq >= known).cloned());
        self.to_seq = known.max(rows.end);
    }

    /// Entries that wait.
    pub(super) fn entries(&self) -> usize {
        self.entries.len()
    }

    /// The next object, without the names of cell and shard; none where there is nothing to tell.
    pub(super) fn next_object(&self) -> Option<UsageObject> {
        let idle = self.entries.is_empty() && self.seals.is_empty();
        (!idle).then(|| self.object(self.from_seq, self.end_after(self.from_seq, self.to_seq)))
    }

    /// The object store has everything before `to_seq`.
    pub(super) fn confirm(&mut self, to_seq: u64) {
        self.from_seq = self.from_seq.max(to_seq);
        self.entries.retain(|entry| entry.seq >= to_seq);
        self.seals.retain(|seal| seal.seq >= to_seq);
        self.cuts = self.cuts.split_off(&(to_seq + 1));
        if self.entries.is_empty() {
            self.owners.clear();
        }
        let done: Vec<u64> =
            self.outbox.iter().filter(|(_, end)| **end <= to_seq).map(|(start, _)| *start).collect();
        for start in done {
            self.outbox.remove(&start);
            self.confirmed.push(outbox_key(start));
        }
    }

    /// What is not confirmed of rows up to `through_seq` and in no outbox row yet, as objects with their outbox keys. Also
    /// rows without usage are told: the next object must join the last one.
    pub(super) fn outbox_rows(&mut self, through_seq: u64) -> Vec<(Bytes, UsageObject)> {
        let mut start = self.outbox.values().max().copied().unwrap_or(0).max(self.from_seq);
        let until = through_seq + 1;
        let mut rows = Vec::new();
        while start < until {
            let end = self.end_after(start, until);
            rows.push((outbox_key(start), self.object(start, end)));
            self.outbox.insert(start, end);
            start = end;
        }
        rows
    }

    /// Keys of outbox rows that may go.
    pub(super) fn take_confirmed(&mut self) -> Vec<Bytes> {
        std::mem::take(&mut self.confirmed)
    }

    /// Where an object that begins at `start` ends: `limit`, or where an owner changes before.
    fn end_after(&self, start: u64, limit: u64) -> u64 {
        self.cuts.range(start + 1..).next().map_or(limit, |cut| (*cut).min(limit))
    }

    fn object(&self, from_seq: u64, to_seq: u64) -> UsageObject {
        let entries: Vec<PositionedEntry> =
            self.entries.iter().filter(|entry| (from_seq..to_seq).contains(&entry.seq)).cloned().collect();
        let named: BTreeSet<&Bytes> =
            entries.iter().filter_map(|entry| Some(&entry.entry.as_ref()?.namespace_id)).collect();
        let attributions = named
            .into_iter()
            .filter_map(|id| self.owners.get(id)?.range(..to_seq).next_back())
            .map(|(_, owner)| owner.clone())
            .collect();
        UsageObject {
            from_seq,
            to_seq,
            seals: self.seals.iter().filter(|seal| (from_seq..to_seq).contains(&seal.seq)).cloned().collect(),
            attributions,
            entries,
            written_at_ms: self.at_ms,
            ..Default::default()
        }
    }
}

fn outbox_key(from_seq: u64) -> Bytes {
    Bytes::copy_from_slice(&from_seq.to_be_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use atoll_internal_api::usage::v1::UsageEntry;

    const ID: &[u8] = &[7; 16];

    fn entry(seq: u64) -> PositionedEntry {
        let entry = UsageEntry { namespace_id: Bytes::from_static(ID), ..Default::default() };
        PositionedEntry { seq, index: 0, entry: Some(entry) }
    }

    fn owner(project: &str) -> Attribution {
        Attribution {
            namespace_id: Bytes::from_static(ID),
            project_id: project.to_owned(),
            ..Default::default()
        }
    }

    fn add(pending: &mut Pending, rows: std::ops::Range<u64>, project: &str) {
        let entries: Vec<_> = rows.clone().map(entry).collect();
        pending.durable(rows, 5, &entries, &[], |_| Some(owner(project)));
    }

    /// Range, entries and projects of each object, confirmed one by one.
    fn drained(pending: &mut Pending) -> Vec<(u64, u64, usize, Vec<String>)> {
        let mut objects = Vec::new();
        while let Some(object) = pending.next_object() {
            pending.confirm(object.to_seq);
            let projects = object.attributions.iter().map(|one| one.project_id.clone()).collect();
            objects.push((object.from_seq, object.to_seq, object.entries.len(), projects));
        }
        objects
    }

    fn one(project: &str) -> Vec<String> {
        vec![project.to_owned()]
    }

    #[test]
    fn an_object_ends_where_an_owner_changes() {
        let mut pending = Pending::default();
        add(&mut pending, 1..3, "a");
        add(&mut pending, 3..4, "a");
        add(&mut pending, 4..6, "b");
        add(&mut pending, 6..7, "a");
        assert_eq!(drained(&mut pending), [(0, 4, 3, one("a")), (4, 6, 2, one("b")), (6, 7, 1, one("a"))]);
        add(&mut pending, 7..8, "c");
        assert_eq!(drained(&mut pending), [(7, 8, 1, one("c"))]);
    }

    #[test]
    fn a_removed_namespace_keeps_the_owner_it_had() {
        let mut pending = Pending::default();
        add(&mut pending, 1..2, "a");
        pending.durable(2..3, 6, &[entry(2)], &[], |_| None);
        assert_eq!(drained(&mut pending), [(0, 3, 2, one("a"))]);
    }

    #[test]
    fn owners_survive_the_outbox() {
        let mut pending = Pending::default();
        add(&mut pending, 1..4, "a");
        add(&mut pending, 4..6, "b");
        let rows = pending.outbox_rows(5);
        assert_eq!(rows.iter().map(|(_, o)| (o.from_seq, o.to_seq)).collect::<Vec<_>>(), [(0, 4), (4, 6)]);
        assert!(pending.outbox_rows(5).is_empty(), "told once");

        let mut restored = Pending::restored(rows.into_iter().map(|(_, object)| object));
        // The tail repeats what the outbox holds; by now the namespace belongs to somebody else.
        add(&mut restored, 3..8, "c");
        assert_eq!(restored.next_object().unwrap().written_at_ms, 5);
        assert_eq!(drained(&mut restored), [(0, 4, 3, one("a")), (4, 6, 2, one("b")), (6, 8, 2, one("c"))]);
        assert_eq!(restored.take_confirmed(), [outbox_key(0), outbox_key(4)]);
    }
}
