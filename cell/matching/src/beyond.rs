//! What of a queue's waiting tasks is in the store and not in memory.

use std::collections::BTreeSet;

use crate::{config::MatchingConfig, place::Place};

/// Everything behind a place; behind nothing, which is everything, where there is none.
type Behind = Option<Place>;

/// What a partition knows of the waiting tasks that it does not hold.
///
/// While there are some, the backlog holds those that come before all of them: it is the head of the queue. A task
/// that belongs behind them is refused; its shard writes it down, and the partition reads it in its turn.
#[derive(Debug, Default)]
pub(crate) struct Beyond {
    /// Nothing before this place is missing in memory. None: nothing is missing at all.
    missing: Option<Behind>,
    /// Rows are being read.
    pulling: bool,
    /// The first place refused since that began.
    refused_since: Option<Behind>,
    /// Shards that were refused and have not been asked to write it down.
    shards: BTreeSet<u32>,
    /// Such shards are being asked, with the rows that are being read.
    asking: bool,
    /// Tasks refused since rows were last asked for.
    refused: u64,
}

/// What a partition wants to read.
#[derive(Debug, PartialEq)]
pub(crate) struct Wanted {
    pub(crate) after: Behind,
    pub(crate) shards: BTreeSet<u32>,
    pub(crate) limit: usize,
}

impl Beyond {
    /// Of a partition that was just loaded: it knows nothing.
    pub(crate) fn unknown() -> Self {
        Self { missing: Some(None), ..Self::default() }
    }

    /// The store may hold tasks again that were read and handed out: everything is read anew, also where rows are being read.
    pub(crate) fn look_again(&mut self) {
        let first = if self.pulling { &mut self.refused_since } else { &mut self.missing };
        *first = Some(None);
    }

    /// Whether a new task may go to the backlog. While rows are read it may: what does not belong there is taken
    /// out again when they are in.
    pub(crate) fn admits(&self, place: &Place) -> bool {
        match &self.missing {
            None => true,
            Some(_) if self.pulling => true,
            Some(None) => false,
            Some(Some(behind)) => place <= behind,
        }
    }

    /// A task was not taken in, or was taken out again.
    pub(crate) fn refuse(&mut self, place: Place, shard: u32) {
        self.shards.insert(shard);
        self.refused += 1;
        let behind = Some(place.just_before());
        let first = if self.pulling { &mut self.refused_since } else { &mut self.missing };
        *first = Some(match first.take() {
            Some(known) => known.min(behind),
            None => behind,
        });
    }

    /// What to read next, when there is room and something is missing. Until that is answered nothing more is
    /// wanted.
    pub(crate) fn wanted(&mut self, backlog: usize, config: &MatchingConfig) -> Option<Wanted> {
        if self.pulling || backlog > config.backlog_refill_below {
            return None;
        }
        let after = self.missing.clone()?;
        self.pulling = true;
        self.refused_since = None;
        self.refused = 0;
        let limit = (config.backlog_limit - config.backlog_refill_below.min(config.backlog_limit)).max(1);
        self.asking = !self.shards.is_empty();
        Some(Wanted { after, shards: std::mem::take(&mut self.shards), limit })
    }

    /// Behind which place the backlog may hold nothing, now that what was wanted is in and there may be more behind
    /// `cut`: what was refused meanwhile is missing too, and comes before what was taken in after it.
    pub(crate) fn bound(&self, cut: Option<Place>) -> Option<Place> {
        let refused = self.refused_since.clone().flatten();
        match (cut, refused) {
            (Some(cut), Some(refused)) => Some(cut.min(refused)),
            (cut, refused) => cut.or(refused),
        }
    }

    /// What was wanted is in; behind `cut` there may be more.
    pub(crate) fn read(&mut self, cut: Option<Place>) {
        self.pulling = false;
        self.asking = false;
        let refused = self.refused_since.take();
        self.missing = match (cut.map(Some), refused) {
            (Some(cut), Some(refused)) => Some(cut.min(refused)),
            (cut, refused) => cut.or(refused),
        };
    }

    /// What was wanted could not be read.
    pub(crate) fn unread(&mut self, shards: impl IntoIterator<Item = u32>) {
        self.pulling = false;
        self.asking = false;
        self.shards.extend(shards);
        if let (Some(missing), Some(refused)) = (&mut self.missing, self.refused_since.take())
            && refused < *missing
        {
            *missing = refused;
        }
    }

    /// Whether shards are yet to be asked to write down what was refused of them: nobody else remembers that.
    pub(crate) fn owes(&self) -> bool {
        self.asking || !self.shards.is_empty()
    }

    /// Behind which place tasks may be missing, and how many are known to be.
    pub(crate) fn missing(&self) -> Option<(Behind, u64)> {
        self.missing.clone().map(|behind| (behind, self.refused))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::TaskRef;

    fn place(at: i64) -> Place {
        TaskRef::sample(5, 3, at).place()
    }

    fn config() -> MatchingConfig {
        MatchingConfig { backlog_limit: 4, backlog_refill_below: 2, ..MatchingConfig::default() }
    }

    #[test]
    fn what_is_refused_is_read_from_its_place_on() {
        let mut beyond = Beyond::default();
        assert!(beyond.admits(&place(9)) && beyond.wanted(0, &config()).is_none());
        beyond.refuse(place(5), 1);
        beyond.refuse(place(7), 2);
        assert!(beyond.admits(&place(4)) && !beyond.admits(&place(5)) && !beyond.admits(&place(6)));
        assert_eq!(beyond.wanted(3, &config()), None, "no room");
        let wanted = beyond.wanted(2, &config()).unwrap();
        assert_eq!(wanted.shards, BTreeSet::from([1, 2]));
        assert!(wanted.after.unwrap() < place(5));
        assert_eq!(beyond.wanted(0, &config()), None, "one at a time");
        beyond.read(None);
        assert!(beyond.missing().is_none() && beyond.admits(&place(9)));
    }

    #[test]
    fn what_is_refused_while_rows_are_read_is_not_forgotten() {
        let mut beyond = Beyond::unknown();
        beyond.wanted(0, &config()).unwrap();
        assert!(beyond.admits(&place(9)), "it is looked at when the rows are in");
        beyond.refuse(place(5), 1);
        beyond.read(Some(place(3)));
        assert_eq!(beyond.missing().unwrap().0, Some(place(3)), "rows are cut before it");
        beyond.wanted(0, &config()).unwrap();
        beyond.refuse(place(1), 1);
        beyond.read(Some(place(4)));
        assert!(beyond.missing().unwrap().0.unwrap() < place(1));
    }

    #[test]
    fn everything_is_read_anew_also_where_rows_are_being_read() {
        let mut beyond = Beyond::default();
        beyond.look_again();
        assert_eq!(beyond.wanted(0, &config()).unwrap().after, None);
        beyond.look_again();
        beyond.refuse(place(5), 1);
        beyond.read(Some(place(3)));
        assert_eq!(beyond.wanted(0, &config()).unwrap().after, None, "what was read may be old");
        beyond.read(None);
        assert!(beyond.missing().is_none());
    }

    #[test]
    fn what_was_not_read_is_wanted_again() {
        let mut beyond = Beyond::unknown();
        beyond.refuse(place(5), 1);
        let wanted = beyond.wanted(0, &config()).unwrap();
        beyond.refuse(place(4), 2);
        beyond.unread(wanted.shards);
        let again = beyond.wanted(0, &config()).unwrap();
        assert_eq!((again.after, again.shards), (None, BTreeSet::from([1, 2])));
    }
}
