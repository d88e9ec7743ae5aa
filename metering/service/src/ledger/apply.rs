//! Taking an object's entries and seals into a ledger.

use std::collections::{BTreeMap, BTreeSet};

use atoll_internal_api::usage::v1::{Attribution, UsageEntry, UsageObject};
use uuid::Uuid;

use super::check::{Amount, LONGEST_SPAN_MS, amount, check, namespace_id, tags};
use super::{KnownOwner, Ledger, NotUsage, OpenHour, Quantity, StorageKey};
use crate::cube::{CubeKey, Owner};
use crate::hour::{HOUR_MS, start_of};

/// What came of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Applied {
    /// It was taken in.
    Taken {
        /// Entries that were new.
        entries: usize,
        /// Entries of hours that were sealed before: counted, and a fault of the cell.
        late: usize,
        /// Entries of namespaces that no object named the owner of: counted for nobody, and a fault of the cell.
        unowned: usize,
    },
    /// Everything in it was in already.
    Known,
    /// Rows before it are missing.
    Gap,
}

/// A fact of the log, in the order of the log: within a row entries come before seals.
enum Fact<'a> {
    Entry(Uuid, &'a UsageEntry),
    Seal(i64),
}

impl Fact<'_> {
    fn at_ms(&self) -> i64 {
        match self {
            Self::Entry(_, entry) => entry.at_ms,
            Self::Seal(hour_ms) => *hour_ms,
        }
    }
}

impl Ledger {
    /// Takes in what is new of an object: `from_seq <= watermark < to_seq` adds the entries at or after the watermark
    /// and moves it to `to_seq`. Nothing changes on an error, a gap, or an object that is known.
    pub(crate) fn apply(&mut self, object: &UsageObject) -> Result<Applied, NotUsage> {
        check(object)?;
        if object.to_seq <= self.watermark {
            return Ok(Applied::Known);
        }
        if object.from_seq > self.watermark {
            return Ok(Applied::Gap);
        }
        let facts = self.new_facts(object)?;
        self.check_span(&facts)?;
        let mut named = owners(object)?;
        self.name_the_silent(&facts, &mut named);
        let (mut entries, mut late, mut unowned) = (0, 0, 0);
        for ((row, _), fact) in facts {
            match fact {
                Fact::Entry(namespace_id, entry) => {
                    if let Some(owner) = named.remove(&namespace_id) {
                        self.name(namespace_id, owner);
                    }
                    entries += 1;
                    unowned += usize::from(!self.owners.contains_key(&namespace_id));
                    late += usize::from(
                        self.closed_until_ms.is_some_and(|sealed| self.counts_at(entry) < sealed),
                    );
                    self.add(row, namespace_id, entry);
                }
                // The state that came after has not sealed it: it will.
                Fact::Seal(_) if self.fate.loses(row) => {}
                Fact::Seal(hour_ms) => self.seal(hour_ms),
            }
        }
        self.watermark = object.to_seq;
        if late > 0 {
            self.corrected_at = self.watermark;
        }
        self.written_at_ms = self.written_at_ms.max(object.written_at_ms);
        self.told_ms = self.told_ms.max(object.written_at_ms);
        if !object.seals.is_empty() {
            self.prune();
        }
        Ok(Applied::Taken { entries, late, unowned })
    }

    fn new_facts<'a>(&self, object: &'a UsageObject) -> Result<BTreeMap<(u64, u64), Fact<'a>>, NotUsage> {
        let mut facts = BTreeMap::new();
        for positioned in object.entries.iter().filter(|entry| entry.seq >= self.watermark) {
            let Some(entry) = &positioned.entry else { continue };
            let fact = Fact::Entry(namespace_id(&entry.namespace_id)?, entry);
            let position = (positioned.seq, u64::from(positioned.index));
            if facts.insert(position, fact).is_some() {
                return Err(NotUsage::Twice { seq: positioned.seq, index: positioned.index });
            }
        }
        // A row may hold several seals; the later hour implies the earlier ones.
        let seals = object.seals.iter().filter(|seal| seal.seq >= self.watermark);
        for (order, seal) in (u64::from(u32::MAX) + 1..).zip(seals) {
            facts.insert((seal.seq, order), Fact::Seal(seal.hour_start_ms));
        }
        Ok(facts)
    }

    /// Refuses to walk through more hours than a cell can have let pass.
    fn check_span(&self, facts: &BTreeMap<(u64, u64), Fact<'_>>) -> Result<(), NotUsage> {
        let known = self.closed_until_ms.into_iter().chain(self.open.keys().map(|(hour, _)| *hour).next());
        let times = known.chain(facts.values().map(Fact::at_ms));
        let (first, last) = times.fold((i64::MAX, i64::MIN), |(min, max), at| (min.min(at), max.max(at)));
        if last.saturating_sub(first) > LONGEST_SPAN_MS {
            return Err(NotUsage::Span { from_ms: first, to_ms: last });
        }
        Ok(())
    }

    /// Owners of namespaces without a new entry count from the start of the object, the others' from their first entry:
    /// so the cut between objects does not matter.
    fn name_the_silent(
        &mut self,
        facts: &BTreeMap<(u64, u64), Fact<'_>>,
        named: &mut BTreeMap<Uuid, KnownOwner>,
    ) {
        let heard: BTreeSet<Uuid> = facts
            .values()
            .filter_map(|fact| match fact {
                Fact::Entry(namespace_id, _) => Some(*namespace_id),
                Fact::Seal(_) => None,
            })
            .collect();
        let silent: Vec<Uuid> = named.keys().filter(|id| !heard.contains(id)).copied().collect();
        for namespace_id in silent {
            if let Some(owner) = named.remove(&namespace_id) {
                self.name(namespace_id, owner);
            }
        }
    }

    fn name(&mut self, namespace_id: Uuid, new: KnownOwner) {
        let Some(known) = self.owners.get_mut(&namespace_id) else {
            self.owners.insert(namespace_id, new);
            return;
        };
        let named_day_ms = known.named_day_ms.max(new.named_day_ms);
        // A former owner of the shard may write late: what it knew is older.
        if known.generation <= new.generation {
            *known = new;
        }
        known.named_day_ms = named_day_ms;
    }

    fn add(&mut self, row: u64, namespace_id: Uuid, entry: &UsageEntry) {
        match amount(entry) {
            Some(Amount::Actions(action, count)) => {
                let owner = self.owner(namespace_id);
                let hour = start_of(entry.at_ms);
                let key = CubeKey::actions(&self.cell_id, hour, namespace_id, &owner, action);
                self.gain(key, Quantity::from(count));
            }
            Some(Amount::Storage(kind, bytes)) => {
                let (key, bytes) = ((namespace_id, kind), Quantity::from(bytes));
                let stands_ms = self.counts_at(entry);
                self.change(key, stands_ms, bytes);
                let turns: Vec<(i64, i128)> = self.fate.turns(row).collect();
                for (at_ms, sign) in turns {
                    self.change(key, at_ms.max(stands_ms), sign * bytes);
                }
            }
            None => {}
        }
    }

    /// From when on an entry counts: storage never before the log's incarnation began.
    fn counts_at(&self, entry: &UsageEntry) -> i64 {
        match amount(entry) {
            Some(Amount::Storage(..)) => entry.at_ms.max(self.began_ms),
            Some(Amount::Actions(..)) | None => entry.at_ms,
        }
    }

    pub(super) fn change(&mut self, key: StorageKey, at_ms: i64, bytes: Quantity) {
        let mut hour = start_of(at_ms);
        let until_end = Quantity::from(hour + HOUR_MS - at_ms);
        let Some(sealed) = self.closed_until_ms.filter(|closed| hour < *closed) else {
            let open = self.open.entry((hour, key)).or_default();
            open.bytes += bytes;
            open.moment += bytes * until_end;
            return;
        };
        // Too late for its hour: the rows of the sealed hours are corrected, and it stands from then on.
        let owner = self.owner(key.0);
        let mut length = until_end;
        while hour < sealed {
            let row = CubeKey::storage(&self.cell_id, hour, key.0, &owner, key.1);
            self.gain(row, bytes * length);
            length = Quantity::from(HOUR_MS);
            hour += HOUR_MS;
        }
        self.stand(key, bytes);
    }

    fn stand(&mut self, key: StorageKey, bytes: Quantity) {
        let standing = self.standing.entry(key).or_default();
        *standing += bytes;
        if *standing == 0 {
            self.standing.remove(&key);
        }
    }

    /// Closes every hour up to and including this one. A repeated seal changes nothing.
    fn seal(&mut self, hour_ms: i64) {
        let end = hour_ms + HOUR_MS;
        let first_change = self.open.keys().next().map(|(hour, _)| *hour);
        let mut hour = self.closed_until_ms.or(first_change).unwrap_or(end);
        while hour < end {
            self.close(hour);
            hour += HOUR_MS;
        }
        self.sealed_until_ms = self.sealed_until_ms.max(Some(end));
        self.closed_until_ms = self.closed_until_ms.max(Some(end));
    }

    fn close(&mut self, hour_ms: i64) {
        for key in self.present_in(hour_ms) {
            let OpenHour { bytes, moment } = self.open.remove(&(hour_ms, key)).unwrap_or_default();
            let stood = self.standing.get(&key).copied().unwrap_or_default();
            let row = CubeKey::storage(&self.cell_id, hour_ms, key.0, &self.owner(key.0), key.1);
            self.gain(row, self.billed(stood * Quantity::from(HOUR_MS) + moment));
            self.stand(key, bytes);
        }
    }
}

fn owners(object: &UsageObject) -> Result<BTreeMap<Uuid, KnownOwner>, NotUsage> {
    let known = |attribution: &Attribution| KnownOwner {
        owner: Owner {
            namespace: attribution.namespace.clone(),
            account_id: attribution.account_id.clone(),
            project_id: attribution.project_id.clone(),
            tags: tags(attribution),
        },
        generation: attribution.generation,
        named_day_ms: object.written_at_ms - object.written_at_ms.rem_euclid(24 * HOUR_MS),
    };
    let attributions = object.attributions.iter();
    attributions.map(|one| Ok((namespace_id(&one.namespace_id)?, known(one)))).collect()
}
