//! What of a queue's waiting tasks is in the store and not in memory.

use std::collections::{BTreeMap, BTreeSet};

use crate::{config::MatchingConfig, place::Place};

/// Everything behind a place; behind nothing, which is everything, where there is none.
type Behind = Option<Place>;

/// Shards that are to write down what was refused of them, each with where that stands.
pub(crate) type Owing = BTreeMap<u32, Behind>;

/// What a partition knows of the waiting tasks that it does not hold.
///
/// While there are some, the backlog holds those that come before all of them: it is the head of the queue. A task
/// that belongs behind them is refused; its shard writes it down, and the partition reads it in its turn. Where a shard
/// cannot, the others go on without it.
#[derive(Debug, Default)]
pub(crate) struct Beyond {
    /// Nothing before this place is missing in memory, but for what shards cannot write. None: nothing is missing at
    /// all.
    missing: Option<Behind>,
    /// Rows are being read.
    pulling: bool,
    /// The first place refused since that began.
    refused_since: Option<Behind>,
    /// Shards that have not been asked to write down what was refused of them.
    owing: Owing,
    /// Those that are being asked, with the rows that are being read.
    asked: BTreeSet<u32>,
    /// Those that could not; they are asked again later.
    put_off: Owing,
    /// Tasks refused since rows were last asked for.
    refused: u64,
}

/// What a partition wants to read: nothing where the limit is 0, but shards are to write.
#[derive(Debug, PartialEq)]
pub(crate) struct Wanted {
    pub(crate) after: Behind,
    pub(crate) shards: Owing,
    pub(crate) limit: usize,
}

impl Beyond {
    /// Of a partition that was just loaded: it knows nothing.
    pub(crate) fn unknown() -> Self {
        Self { missing: Some(None), ..Self::default() }
    }

    /// The store may hold tasks again that were read and handed out: everything is read anew, also where rows are being
    /// read.
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
        self.refused += 1;
        let behind = Some(place.just_before());
        owe(&mut self.owing, shard, behind.clone());
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
        let room = (config.backlog_limit - config.backlog_refill_below.min(config.backlog_limit)).max(1);
        let (after, limit) = match &self.missing {
            Some(behind) => (behind.clone(), room),
            // A shard is asked again: before it has written there is nothing to read.
            None => (self.owing.values().min().cloned()?, 0),
        };
        self.pulling = true;
        self.refused_since = None;
        self.refused = 0;
        let shards = std::mem::take(&mut self.owing);
        self.asked = shards.keys().copied().collect();
        Some(Wanted { after, shards, limit })
    }

    /// After a refill: the place behind which the backlog may hold no task, since earlier ones stand in the store
    /// alone. That is `cut`, where the refill ended before it had read all, or the first task that was refused
    /// meanwhile.
    pub(crate) fn bound(&self, cut: Option<Place>) -> Option<Place> {
        let refused = self.refused_since.clone().flatten();
        match (cut, refused) {
            (Some(cut), Some(refused)) => Some(cut.min(refused)),
            (cut, refused) => cut.or(refused),
        }
    }

    /// What was wanted is in, but for what these shards could not write; behind `cut` there may be more.
    pub(crate) fn read(&mut self, cut: Option<Place>, wanted: Wanted, failed: &BTreeSet<u32>) {
        self.pulling = false;
        self.asked.clear();
        let refused = self.refused_since.take();
        let (failed, written): (Owing, Owing) =
            wanted.shards.into_iter().partition(|(shard, _)| failed.contains(shard));
        // Of a shard that could not before, what now stands in the table may come before what was read.
        let late = written.into_values().min().filter(|behind| *behind < wanted.after || wanted.limit == 0);
        self.missing = [cut.map(Some), refused, late].into_iter().flatten().min();
        failed.into_iter().for_each(|(shard, behind)| owe(&mut self.put_off, shard, behind));
    }

    /// What was wanted could not be read.
    pub(crate) fn unread(&mut self, shards: Owing) {
        self.pulling = false;
        self.asked.clear();
        shards.into_iter().for_each(|(shard, behind)| owe(&mut self.owing, shard, behind));
        self.missing = self.missing.take().into_iter().chain(self.refused_since.take()).min();
    }

    /// Shards that could not write down what was refused of them are asked once more.
    pub(crate) fn ask_again(&mut self) {
        let put_off = std::mem::take(&mut self.put_off);
        put_off.into_iter().for_each(|(shard, behind)| owe(&mut self.owing, shard, behind));
    }

    /// Shards that have yet to write down what was refused of them: nobody else remembers that.
    pub(crate) fn owing(&self) -> impl Iterator<Item = u32> + '_ {
        self.owing.keys().chain(&self.asked).chain(self.put_off.keys()).copied()
    }

    /// Behind which place tasks may be missing, and how many are known to be.
    pub(crate) fn missing(&self) -> Option<(Behind, u64)> {
        self.missing.clone().map(|behind| (behind, self.refused))
    }
}

/// A shard owes what is behind a place, beside what it owed before.
fn owe(owing: &mut Owing, shard: u32, behind: Behind) {
    let known = owing.entry(shard).or_insert_with(|| behind.clone());
    if behind < *known {
        *known = behind;
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

    fn owed(beyond: &Beyond) -> Vec<u32> {
        beyond.owing().collect()
    }

    fn shards(wanted: &Wanted) -> Vec<u32> {
        wanted.shards.keys().copied().collect()
    }

    fn behind(at: i64) -> Behind {
        Some(place(at).just_before())
    }

    const NONE: &BTreeSet<u32> = &BTreeSet::new();

    #[test]
    fn what_is_refused_is_read_from_its_place_on() {
        let mut beyond = Beyond::default();
        assert!(beyond.admits(&place(9)) && beyond.wanted(0, &config()).is_none());
        beyond.refuse(place(5), 1);
        beyond.refuse(place(7), 2);
        assert!(beyond.admits(&place(4)) && !beyond.admits(&place(5)) && !beyond.admits(&place(6)));
        assert_eq!(beyond.wanted(3, &config()), None, "no room");
        let wanted = beyond.wanted(2, &config()).unwrap();
        assert_eq!(shards(&wanted), [1, 2]);
        assert!(wanted.after.clone().unwrap() < place(5));
        assert_eq!(beyond.wanted(0, &config()), None, "one at a time");
        beyond.read(None, wanted, NONE);
        assert!(beyond.missing().is_none() && beyond.admits(&place(9)));
    }

    #[test]
    fn what_is_refused_while_rows_are_read_is_not_forgotten() {
        let mut beyond = Beyond::unknown();
        let wanted = beyond.wanted(0, &config()).unwrap();
        assert!(beyond.admits(&place(9)), "it is looked at when the rows are in");
        beyond.refuse(place(5), 1);
        beyond.read(Some(place(3)), wanted, NONE);
        assert_eq!(beyond.missing().unwrap().0, Some(place(3)), "rows are cut before it");
        let wanted = beyond.wanted(0, &config()).unwrap();
        beyond.refuse(place(1), 1);
        beyond.read(Some(place(4)), wanted, NONE);
        assert!(beyond.missing().unwrap().0.unwrap() < place(1));
    }

    #[test]
    fn everything_is_read_anew_also_where_rows_are_being_read() {
        let mut beyond = Beyond::default();
        beyond.look_again();
        let wanted = beyond.wanted(0, &config()).unwrap();
        assert_eq!(wanted.after, None);
        beyond.look_again();
        beyond.refuse(place(5), 1);
        beyond.read(Some(place(3)), wanted, NONE);
        let wanted = beyond.wanted(0, &config()).unwrap();
        assert_eq!(wanted.after, None, "what was read may be old");
        beyond.read(None, wanted, NONE);
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
        assert_eq!((again.after.clone(), shards(&again)), (None, vec![1, 2]));
    }

    #[test]
    fn what_a_shard_cannot_write_holds_up_nobody_and_is_read_once_it_can() {
        let mut beyond = Beyond::default();
        beyond.refuse(place(5), 1);
        beyond.refuse(place(7), 2);
        let wanted = beyond.wanted(0, &config()).unwrap();
        beyond.read(Some(place(8)), wanted, &BTreeSet::from([1]));
        assert_eq!(beyond.missing().unwrap().0, Some(place(8)), "what others wrote is read on");
        let wanted = beyond.wanted(0, &config()).unwrap();
        assert_eq!(shards(&wanted), [], "the shard is left alone for a while");
        assert_eq!(owed(&beyond), [1]);
        beyond.read(None, wanted, NONE);
        assert!(beyond.admits(&place(6)) && beyond.wanted(0, &config()).is_none());
        beyond.ask_again();
        let wanted = beyond.wanted(0, &config()).unwrap();
        assert_eq!((wanted.limit, shards(&wanted)), (0, vec![1]), "nothing else is read again for it");
        beyond.refuse(place(9), 1);
        beyond.refuse(place(4), 1);
        beyond.read(None, wanted, &BTreeSet::from([1]));
        assert_eq!(owed(&beyond), [1, 1], "asked before, and refused since");
        let wanted = beyond.wanted(0, &config()).unwrap();
        assert_eq!((wanted.after.clone(), shards(&wanted)), (behind(4), vec![1]));
        beyond.read(None, wanted, &BTreeSet::from([1]));
        beyond.refuse(place(9), 2);
        beyond.ask_again();
        let wanted = beyond.wanted(0, &config()).unwrap();
        assert_eq!((wanted.after.clone(), shards(&wanted)), (behind(9), vec![1, 2]));
        beyond.read(None, wanted, NONE);
        let wanted = beyond.wanted(0, &config()).unwrap();
        assert_eq!(
            (wanted.after.clone(), shards(&wanted)),
            (behind(4), vec![]),
            "it wrote what comes earlier"
        );
        beyond.read(None, wanted, &BTreeSet::from([1]));
        beyond.put_off = Owing::from([(2, behind(7))]);
        beyond.ask_again();
        let wanted = beyond.wanted(0, &config()).unwrap();
        beyond.read(None, wanted, NONE);
        let wanted = beyond.wanted(0, &config()).unwrap();
        assert_eq!((wanted.after.clone(), wanted.limit), (behind(7), 2));
        beyond.read(None, wanted, NONE);
        assert!(beyond.missing().is_none() && owed(&beyond).is_empty());
    }
}
