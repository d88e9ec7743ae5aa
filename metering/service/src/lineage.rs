//! What goes on where a cell was restored. Pure.
//!
//! A restored cell goes on under a new log incarnation, which says which one it replaces, from which row of each
//! shard's log on it counts, and since when. Of the rows of an incarnation those before that row are part of the state
//! that goes on; the bytes that later ones have stored are gone from it from that moment on ([`Fate`]), while what they
//! did stays done. All incarnations that go on from one another share one ledger of each shard: levels of storage
//! belong to cell, shard and namespace.
//!
//! An incarnation may be replaced more than once, by going back to the same backup again, and a later one may hold rows
//! that an earlier one did not: a fate is a list.

use std::fmt;

use uuid::Uuid;

use crate::completeness::{Manifest, Progress};
use crate::ledger::FIRST_ROW;
use crate::store::ShardName;

/// A state that took the place of the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Replacement {
    /// When, Unix milliseconds of shard time.
    pub(crate) at_ms: i64,
    /// Rows before this one are part of it.
    pub(crate) keeps: u64,
}

/// What became of the rows of a shard's log, in the order of time; no two in a row have the same of them. Empty where
/// nothing took its place.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Fate(Vec<Replacement>);

impl Fate {
    /// What came after, in the order of time. A state that has the same rows as the one before it turns none: left out,
    /// so that nothing that is in has to be read again for it.
    fn of(replacements: impl IntoIterator<Item = Replacement>) -> Self {
        let mut all: Vec<Replacement> = replacements.into_iter().collect();
        all.dedup_by_key(|replacement| replacement.keeps);
        Self(all)
    }

    /// From when on the bytes of a row do not stand (-1), or stand again (1), in order.
    pub(crate) fn turns(&self, row: u64) -> impl Iterator<Item = (i64, i128)> + '_ {
        let mut stood = true;
        self.0.iter().filter_map(move |replacement| {
            let stands = row < replacement.keeps;
            let turn = (stands != stood).then_some((replacement.at_ms, if stands { 1 } else { -1 }));
            stood = stands;
            turn
        })
    }

    /// Whether some state that came after lacks the row.
    pub(crate) fn loses(&self, row: u64) -> bool {
        self.0.iter().any(|replacement| row >= replacement.keeps)
    }

    /// The first row that some state lacks.
    pub(crate) fn first_lost(&self) -> Option<u64> {
        self.0.iter().map(|replacement| replacement.keeps).min()
    }

    /// Rows before this one must be in before anything that came after is whole.
    pub(crate) fn keeps(&self) -> u64 {
        self.0.iter().map(|replacement| replacement.keeps).max().unwrap_or(FIRST_ROW)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// From `at_ms:row,...`, as it is stored and shown; none for any other text.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let parts = text.split(',').filter(|part| !part.is_empty());
        let replacement = |part: &str| {
            let (at_ms, keeps) = part.split_once(':')?;
            Some(Replacement { at_ms: at_ms.parse().ok()?, keeps: keeps.parse().ok()? })
        };
        parts.map(replacement).collect::<Option<_>>().map(Self)
    }
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, Replacement { at_ms, keeps }) in self.0.iter().enumerate() {
            write!(f, "{}{at_ms}:{keeps}", if number > 0 { "," } else { "" })?;
        }
        Ok(())
    }
}

/// Where the log of a shard begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origin {
    /// The shard.
    pub(crate) name: ShardName,
    /// The incarnation that began with nothing, whose ledger it goes on with: often its own.
    pub(crate) root: Uuid,
    /// Its first row.
    pub(crate) first_row: u64,
    /// Rows that a later state lacks are of no earlier time; none where there are none.
    pub(crate) lost_since_ms: Option<i64>,
    /// When it began, Unix milliseconds: before every time where it began with nothing. What stood before is as the
    /// replaced incarnation left it, so that no storage of its own counts earlier, whatever its cell says: a deletion
    /// among the lost rows that it does again, dated back, would be taken off twice until then.
    pub(crate) began_ms: i64,
}

impl From<&ShardName> for Origin {
    /// Of a log that began with nothing.
    fn from(name: &ShardName) -> Self {
        Self {
            name: name.clone(),
            root: name.incarnation,
            first_row: FIRST_ROW,
            lost_since_ms: None,
            began_ms: i64::MIN,
        }
    }
}

impl From<&Origin> for Origin {
    fn from(origin: &Origin) -> Self {
        origin.clone()
    }
}

impl Progress {
    /// Where a shard's log begins; none while an incarnation that it goes on from is not known.
    pub(crate) fn origin(&self, manifest: &Manifest, shard: u32) -> Option<Origin> {
        let Manifest { cell_id, incarnation, .. } = manifest;
        let name = ShardName { cell_id: cell_id.clone(), incarnation: *incarnation, shard };
        let first_row = manifest.restored.as_ref().map_or(FIRST_ROW, |restored| restored.first_row(shard));
        let root = self.root(manifest)?;
        // The state that came after had sealed all hours before its first, by rows that it holds.
        let lost_since = |later: &Manifest| match self.kept(manifest, later, shard) {
            0 => manifest.first_hour_ms,
            _ => later.first_hour_ms,
        };
        let lost_since_ms = self.later(manifest, root).map(lost_since).min();
        let began_ms = manifest.restored.as_ref().map_or(i64::MIN, |restored| restored.at_ms);
        Some(Origin { name, root, first_row, lost_since_ms, began_ms })
    }

    /// What became of a shard's rows, as far as manifests say.
    pub(crate) fn fate(&self, manifest: &Manifest, shard: u32) -> Fate {
        let Some(root) = self.root(manifest) else { return Fate::default() };
        let mut later: Vec<&Manifest> = self.later(manifest, root).collect();
        later.sort_by_key(|other| age(other));
        let replacement = |other: &Manifest| {
            let at_ms = other.restored.as_ref()?.at_ms;
            Some(Replacement { at_ms, keeps: self.kept(manifest, other, shard) })
        };
        Fate::of(later.into_iter().filter_map(replacement))
    }

    /// Whether all of a shard is in that earlier incarnations used before and after this one went on from them: their
    /// objects were looked through since it is known what became of them.
    pub(crate) fn is_settled(&self, manifest: &Manifest, shard: u32) -> bool {
        if manifest.restored.is_none() {
            return true;
        }
        let Some(root) = self.root(manifest) else { return false };
        let mut earlier = self.of_cell(&manifest.cell_id).filter(|other| age(other) < age(manifest));
        earlier.all(|other| self.root(other) != Some(root) || !self.is_unsettled(other, shard))
    }

    /// Whether what became of a shard's rows is known and not done yet.
    pub(crate) fn is_unsettled(&self, manifest: &Manifest, shard: u32) -> bool {
        let fate = self.fate(manifest, shard);
        if fate.is_empty() {
            return false;
        }
        let mut shards = self.shards.iter().filter(|known| {
            (&known.cell_id, known.incarnation, known.shard)
                == (&manifest.cell_id, manifest.incarnation, shard)
        });
        shards.next().is_none_or(|known| known.fate != fate)
    }

    /// Whether what an incarnation did has gone from the cell: the newest one of the same root does not go on from it.
    pub(crate) fn is_abandoned(&self, manifest: &Manifest) -> bool {
        let Some(root) = self.root(manifest) else { return false };
        let Some(mut at) = self.later(manifest, root).max_by_key(|other| age(other)) else { return false };
        for _ in 0..=self.manifests.len() {
            let Some(restored) = &at.restored else { return true };
            if restored.replaces == manifest.incarnation {
                return false;
            }
            match self.of_cell(&at.cell_id).find(|other| other.incarnation == restored.replaces) {
                Some(other) => at = other,
                None => return false,
            }
        }
        false
    }

    /// Incarnations that go on from the same root and began later.
    fn later<'a>(&'a self, manifest: &'a Manifest, root: Uuid) -> impl Iterator<Item = &'a Manifest> {
        let later = self.of_cell(&manifest.cell_id).filter(|other| age(other) > age(manifest));
        later.filter(move |other| self.root(other) == Some(root))
    }

    fn of_cell<'a>(&'a self, cell_id: &'a str) -> impl Iterator<Item = &'a Manifest> {
        self.manifests.iter().filter(move |manifest| manifest.cell_id == cell_id)
    }

    /// The incarnation that an incarnation goes on from, or itself.
    fn root(&self, manifest: &Manifest) -> Option<Uuid> {
        let mut at = manifest;
        // A chain has no more links than there are incarnations; one that has is a ring.
        for _ in 0..=self.manifests.len() {
            let Some(restored) = &at.restored else { return Some(at.incarnation) };
            at = self.of_cell(&at.cell_id).find(|other| other.incarnation == restored.replaces)?;
        }
        None
    }

    /// Rows of `earlier` before this one are part of the state that `later` began with.
    fn kept(&self, earlier: &Manifest, later: &Manifest, shard: u32) -> u64 {
        let mut at = later;
        for _ in 0..=self.manifests.len() {
            let Some(restored) = &at.restored else { return 0 };
            if restored.replaces == earlier.incarnation {
                return restored.first_row(shard);
            }
            match self.of_cell(&at.cell_id).find(|other| other.incarnation == restored.replaces) {
                Some(other) => at = other,
                None => return 0,
            }
        }
        0
    }
}

/// In which order incarnations that go on from one another began.
fn age(manifest: &Manifest) -> (i64, Uuid) {
    match &manifest.restored {
        // Nothing is older than what began with nothing, whatever a clock said.
        None => (i64::MIN, manifest.incarnation),
        Some(restored) => (restored.at_ms, manifest.incarnation),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::completeness::Restored;

    fn manifest(incarnation: u128, restored: Option<(u128, u64, i64)>) -> Manifest {
        Manifest {
            cell_id: "a".to_owned(),
            incarnation: Uuid::from_u128(incarnation),
            shard_count: 1,
            first_hour_ms: 0,
            region: String::new(),
            restored: restored.map(|(replaces, first_row, at_ms)| Restored {
                replaces: Uuid::from_u128(replaces),
                first_rows: vec![first_row],
                at_ms,
            }),
        }
    }

    fn fates(manifests: &[Manifest]) -> Vec<String> {
        let progress = Progress { manifests: manifests.to_vec(), ..Progress::default() };
        manifests.iter().map(|manifest| progress.fate(manifest, 0).to_string()).collect()
    }

    #[test]
    fn rows_are_lost_with_the_state_that_lacks_them() {
        let chain = [manifest(1, None), manifest(2, Some((1, 100, 5))), manifest(3, Some((2, 120, 9)))];
        assert_eq!(fates(&chain), ["5:100", "9:120", ""]);
        // The same backup twice: what the first attempt did is gone with it.
        let fork = [manifest(1, None), manifest(2, Some((1, 100, 5))), manifest(3, Some((1, 150, 9)))];
        assert_eq!(fates(&fork), ["5:100,9:150", "9:0", ""]);
        let fate = Fate::parse("5:100,9:150").unwrap();
        let turns = |row| fate.turns(row).collect::<Vec<_>>();
        assert_eq!((turns(99), turns(100), turns(150)), (vec![], vec![(5, -1), (9, 1)], vec![(5, -1)]));
        assert_eq!((fate.first_lost(), fate.keeps()), (Some(100), 150));
    }

    #[test]
    fn what_is_not_known_yet_is_waited_for() {
        let first = manifest(1, None);
        let last = manifest(3, Some((2, 120, 9)));
        let mut progress = Progress { manifests: vec![first.clone(), last.clone()], ..Progress::default() };
        assert_eq!(progress.origin(&last, 0), None);
        assert!(!progress.is_settled(&last, 0));
        progress.manifests.push(manifest(2, Some((1, 100, 5))));
        let origin = progress.origin(&last, 0).unwrap();
        assert_eq!((origin.root, origin.first_row), (first.incarnation, 120));
        let ring = [manifest(1, Some((2, 1, 5))), manifest(2, Some((1, 1, 6)))];
        let progress = Progress { manifests: ring.to_vec(), ..Progress::default() };
        assert_eq!(progress.origin(&ring[0], 0), None);
    }

    #[test]
    fn fates_come_back_as_they_were_stored() {
        for text in ["", "5:100", "5:100,9:0"] {
            assert_eq!(Fate::parse(text).unwrap().to_string(), text);
        }
        for text in ["5", "a:1", "5:-1"] {
            assert_eq!(Fate::parse(text), None);
        }
    }
}
