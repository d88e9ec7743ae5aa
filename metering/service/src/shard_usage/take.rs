//! Taking an object: entries and seals at or after the watermark, in order of the log.

use super::{Owner, RowId, Series, ShardUsage, UsageKind};
use crate::hours::{HOUR_MS, hour_of};
use atoll_internal_api::usage::v1::usage_entry::Kind;
use atoll_internal_api::usage::v1::{ActionType, StorageClass, UsageEntry, UsageObject};
use std::collections::{BTreeMap, BTreeSet};
use thiserror::Error;
use uuid::Uuid;

/// Open hours that are shown before they are sealed. A shard that is further behind shows no more of them; every hour
/// is exact once it is sealed.
const SHOWN_OPEN_HOURS: i64 = 72;

/// What an object changes in the cube.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    /// Actions to add.
    pub(crate) added: BTreeMap<RowId, u128>,
    /// Storage of hours that are sealed now: final.
    pub(crate) sealed: BTreeMap<RowId, u128>,
    /// Storage of open hours as far as it is known: replaced with every object.
    pub(crate) shown: BTreeMap<RowId, u128>,
    /// What must not happen and was put right.
    pub(crate) anomalies: Vec<String>,
}

/// An object that makes no sense. Nothing was taken.
#[derive(Debug, PartialEq, Eq, Error)]
pub(crate) enum Untakeable {
    /// A field is missing or wrong.
    #[error("entry at {seq}.{index}: {problem}")]
    Entry {
        seq: u64,
        index: u32,
        problem: &'static str,
    },
    /// The object does not join the watermark.
    #[error("the object covers [{from}, {to}), the watermark is {watermark}")]
    Elsewhere { from: u64, to: u64, watermark: u64 },
}

impl ShardUsage {
    /// Takes what is new in an object, which must reach from at or before the watermark to behind it.
    pub(crate) fn take(&mut self, object: &UsageObject) -> Result<Taken, Untakeable> {
        let (from, to, watermark) = (object.from_seq, object.to_seq, self.watermark);
        if from > watermark || to <= watermark {
            return Err(Untakeable::Elsewhere { from, to, watermark });
        }
        let mut after = self.clone();
        let mut taken = Taken::default();
        let said = after.hear(object);
        let mut seals: Vec<_> = object.seals.iter().filter(|seal| seal.seq >= watermark).collect();
        seals.sort_by_key(|seal| (seal.seq, seal.hour_start_ms));
        let mut seals = seals.into_iter().peekable();
        let mut entries: Vec<_> = object.entries.iter().filter(|entry| entry.seq >= watermark).collect();
        entries.sort_by_key(|entry| (entry.seq, entry.index));
        for positioned in entries {
            // A seal comes after the entries of its own row: those behind it in the row are of later hours.
            while let Some(seal) = seals.next_if(|seal| seal.seq < positioned.seq) {
                after.seal(seal.hour_start_ms, &mut taken);
            }
            let wrong =
                |problem| Untakeable::Entry { seq: positioned.seq, index: positioned.index, problem };
            let entry = positioned.entry.as_ref().ok_or_else(|| wrong("is empty"))?;
            after.enter(entry, &said, &mut taken).map_err(wrong)?;
        }
        for seal in seals {
            after.seal(seal.hour_start_ms, &mut taken);
        }
        after.at_ms = after.at_ms.max(object.written_at_ms);
        after.watermark = to;
        after.last_from = from;
        after.show(&mut taken);
        *self = after;
        Ok(taken)
    }

    /// Remembers who namespaces belong to; answers what this object says.
    fn hear(&mut self, object: &UsageObject) -> BTreeMap<Uuid, Owner> {
        let mut said = BTreeMap::new();
        for attribution in &object.attributions {
            let Ok(namespace_id) = Uuid::from_slice(&attribution.namespace_id) else { continue };
            let owner = Owner::from(attribution);
            let known = self.owners.entry(namespace_id).or_insert_with(|| owner.clone());
            if owner.generation >= known.generation {
                *known = owner.clone();
            }
            said.insert(namespace_id, owner);
        }
        said
    }

    fn enter(
        &mut self,
        entry: &UsageEntry,
        said: &BTreeMap<Uuid, Owner>,
        taken: &mut Taken,
    ) -> Result<(), &'static str> {
        let namespace_id = Uuid::from_slice(&entry.namespace_id).map_err(|_| "namespace id is not 16 bytes")?;
        let kind = entry.kind.as_ref().ok_or("neither actions nor storage")?;
        let mut at_ms = entry.at_ms;
        if let Some(open) = self.sealed_until_ms.filter(|open| at_ms < *open) {
            // A sealed hour stays as it is: it may be on an invoice.
            taken.anomalies.push(format!("usage of {namespace_id} at {at_ms} ms came after its hour was sealed"));
            at_ms = open;
        }
        let hour_ms = hour_of(at_ms);
        match kind {
            Kind::Actions(actions) => {
                let action = ActionType::try_from(actions.r#type).map_err(|_| "unknown action type")?;
                let kind = UsageKind::Actions(metering_rules::action_name(action));
                let nobody = Owner::default();
                let owner =
                    said.get(&namespace_id).or_else(|| self.owners.get(&namespace_id)).unwrap_or(&nobody);
                let row = RowId::new(hour_ms, namespace_id, kind, owner);
                *taken.added.entry(row).or_default() += u128::from(actions.count);
            }
            Kind::Storage(delta) => {
                let retained = match StorageClass::try_from(delta.class) {
                    Ok(StorageClass::Active) => false,
                    Ok(StorageClass::Retained) => true,
                    _ => return Err("unknown storage class"),
                };
                let accrual =
                    self.accruals.entry((hour_ms, Series { namespace_id, retained })).or_default();
                accrual.net += i128::from(delta.bytes);
                accrual.weighted += i128::from(delta.bytes) * i128::from(hour_ms + HOUR_MS - at_ms);
            }
        }
        self.at_ms = self.at_ms.max(at_ms);
        Ok(())
    }

    /// The first hour that is not sealed and in which anything stands or changes.
    fn first_open(&self) -> Option<i64> {
        self.sealed_until_ms.or_else(|| self.accruals.keys().next().map(|(hour, _)| *hour))
    }

    /// Closes every open hour up to and with the sealed one.
    fn seal(&mut self, sealed_hour_ms: i64, taken: &mut Taken) {
        let end = hour_of(sealed_hour_ms) + HOUR_MS;
        let mut hour_ms = self.first_open().unwrap_or(end);
        while hour_ms < end {
            for (series, hour) in integrate(&mut self.standing, &self.accruals, hour_ms) {
                let quantity = self.at_least_zero(series, hour_ms, hour.whole, taken);
                if quantity > 0 {
                    taken.sealed.insert(self.row(hour_ms, series), quantity);
                }
            }
            hour_ms += HOUR_MS;
        }
        self.accruals.retain(|(hour_ms, _), _| *hour_ms >= end);
        self.sealed_until_ms = Some(self.sealed_until_ms.map_or(end, |sealed| sealed.max(end)));
        self.at_ms = self.at_ms.max(end);
    }

    /// Storage of open hours up to the shard's time.
    fn show(&self, taken: &mut Taken) {
        let Some(first) = self.first_open() else { return };
        let mut standing = self.standing.clone();
        let mut hour_ms = first;
        while hour_ms < self.at_ms && hour_ms < first + SHOWN_OPEN_HOURS * HOUR_MS {
            let left = i128::from((hour_ms + HOUR_MS - self.at_ms).max(0));
            for (series, hour) in integrate(&mut standing, &self.accruals, hour_ms) {
                let so_far = hour.whole - hour.at_end * left;
                if so_far > 0 {
                    taken.shown.insert(self.row(hour_ms, series), so_far.unsigned_abs());
                }
            }
            hour_ms += HOUR_MS;
        }
    }

    fn row(&self, hour_ms: i64, series: Series) -> RowId {
        let nobody = Owner::default();
        let owner = self.owners.get(&series.namespace_id).unwrap_or(&nobody);
        RowId::new(hour_ms, series.namespace_id, series.kind(), owner)
    }

    fn at_least_zero(&self, series: Series, hour_ms: i64, quantity: i128, taken: &mut Taken) -> u128 {
        u128::try_from(quantity).unwrap_or_else(|_| {
            let Series { namespace_id, .. } = series;
            let kind = series.kind().name();
            taken.anomalies.push(format!("{kind} of {namespace_id} in hour {hour_ms} is {quantity}, counted as 0"));
            0
        })
    }
}

/// A series over one hour.
struct SeriesHour {
    /// Byte-milliseconds of the whole hour, if nothing more changes.
    whole: i128,
    /// Bytes at its end.
    at_end: i128,
}

/// Every series that stands or changes in an hour; moves `standing` to the hour's end.
fn integrate(
    standing: &mut BTreeMap<Series, i128>,
    accruals: &BTreeMap<(i64, Series), super::Accrual>,
    hour_ms: i64,
) -> Vec<(Series, SeriesHour)> {
    let lowest = Series { namespace_id: Uuid::nil(), retained: false };
    let changed = accruals.range((hour_ms, lowest)..(hour_ms + 1, lowest)).map(|((_, series), _)| *series);
    let all: BTreeSet<Series> = standing.keys().copied().chain(changed).collect();
    let mut hours = Vec::with_capacity(all.len());
    for series in all {
        let accrual = accruals.get(&(hour_ms, series)).copied().unwrap_or_default();
        let before = standing.remove(&series).unwrap_or_default();
        let at_end = before + accrual.net;
        hours.push((series, SeriesHour { whole: before * i128::from(HOUR_MS) + accrual.weighted, at_end }));
        if at_end != 0 {
            standing.insert(series, at_end);
        }
    }
    hours
}
