//! What a spool holds of one shard. Plain data: nothing here waits.

use super::passed::Passed;
use super::{SpoolSlice, Spooled, Telling, Unconfirmed};
use crate::projection::outbox::{Outbox, Room};
use bytes::Bytes;
use cell_store::{OutboxDone, OutboxRow, Position};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

/// Items that are set aside in one shard before it is the sink that is taken to be at fault.
const MOST_SET_ASIDE: usize = 1_000;
/// Confirmed rows whose removal does not wait for the next checkpoint.
const DONE_AT_ONCE: usize = 256;
/// What a remembered key takes beside its bytes.
const KEY_BYTES: usize = 96;

/// What an item takes.
pub(super) fn bytes_of<T: Spooled>(key: &Bytes, item: &T) -> usize {
    key.len() + KEY_BYTES + item.bytes()
}

/// Up to which key memory has everything that is not confirmed.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Reach {
    /// Not even the first.
    Nothing,
    /// This key and all before it.
    UpTo(Bytes),
    /// All.
    Everything,
}

impl Reach {
    fn covers(&self, key: &Bytes) -> bool {
        match self {
            Self::Nothing => false,
            Self::UpTo(last) => key <= last,
            Self::Everything => true,
        }
    }
}

struct Entry<T> {
    from_seq: u64,
    position: Position,
    since_ms: i64,
    item: Arc<T>,
    bytes: usize,
    /// The outbox holds this very item.
    stands: bool,
    /// The outbox may hold this item, or an older one of its key.
    may_stand: bool,
    /// A slice was to hold this very item, or the sink was told: it does not grow any more.
    offered: bool,
    /// It is being told.
    taken: bool,
    /// The sink does not take it, and there was no room to set it aside.
    passed: bool,
}

pub(super) struct ShardSpool<T> {
    pub(super) outbox: Outbox,
    entries: BTreeMap<Bytes, Entry<T>>,
    /// Keys of entries that do not stand.
    unwritten: BTreeSet<Bytes>,
    /// Bytes of all entries.
    entry_bytes: usize,
    /// Items behind it may be in the outbox alone, and are not told.
    reach: Reach,
    /// Rows that may stand and are to be removed, up to these positions.
    done: BTreeMap<Bytes, Position>,
    done_bytes: usize,
    /// Those of them that the store refuses to remove.
    unremoved: BTreeSet<Bytes>,
    /// Items that the sink does not take, up to these positions.
    aside: BTreeMap<Bytes, Position>,
    /// Those that were passed over and are in the outbox alone.
    passed: Passed,
    /// Rows that do not decode.
    unreadable: BTreeSet<Bytes>,
    /// How often items were let go of, or removed rows forgotten: a page that was being read then may be wrong.
    forgotten: u64,
}

impl<T> ShardSpool<T> {
    pub(super) fn new(outbox: Outbox) -> Self {
        Self {
            outbox,
            entries: BTreeMap::new(),
            unwritten: BTreeSet::new(),
            entry_bytes: 0,
            reach: Reach::Nothing,
            done: BTreeMap::new(),
            done_bytes: 0,
            unremoved: BTreeSet::new(),
            aside: BTreeMap::new(),
            passed: Passed::default(),
            unreadable: BTreeSet::new(),
            forgotten: 0,
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.entry_bytes + self.done_bytes
    }

    pub(super) fn forgotten(&self) -> u64 {
        self.forgotten
    }

    pub(super) fn set_aside_count(&self) -> usize {
        self.aside.len() + self.unreadable.len()
    }

    pub(super) fn oldest_ms(&self) -> Option<i64> {
        let waiting = self.entries.iter().filter(|(key, _)| !self.aside.contains_key(*key));
        waiting.map(|(_, entry)| entry.since_ms).min()
    }

    /// Lets go of an item whose row stands, which is not told before what is set aside is taken up.
    fn leave_in_outbox(&mut self, key: &Bytes) {
        if self.drop_entry(key).is_some_and(|entry| entry.passed) {
            self.passed.insert(key.clone());
        }
    }

    pub(super) fn is_all_at_hand(&self) -> bool {
        self.reach == Reach::Everything
    }

    fn drop_entry(&mut self, key: &Bytes) -> Option<Entry<T>> {
        let entry = self.entries.remove(key)?;
        self.unwritten.remove(key);
        self.entry_bytes -= entry.bytes;
        Some(entry)
    }

    fn remember_done(&mut self, key: &Bytes, position: Position) {
        match self.done.get_mut(key) {
            Some(known) if *known >= position => {}
            Some(known) => {
                *known = position;
                self.unremoved.remove(key);
            }
            None => {
                self.done.insert(key.clone(), position);
                self.done_bytes += key.len() + KEY_BYTES;
            }
        }
        self.remove_soon();
    }

    /// Has rows removed without a checkpoint, where there are enough.
    fn remove_soon(&self) {
        if self.done.len() - self.unremoved.len() >= DONE_AT_ONCE {
            self.outbox.write_soon();
        }
    }

    pub(super) fn refused(&mut self, done: &[OutboxDone]) {
        let as_it_is = done.iter().filter(|gone| self.done.get(&gone.key) == Some(&gone.position));
        self.unremoved.extend(as_it_is.map(|gone| gone.key.clone()));
    }
}

impl<T: Spooled> ShardSpool<T> {
    pub(super) fn put(&mut self, new: Unconfirmed<T>) {
        let Unconfirmed { key, from_seq, position, since_ms, mut item } = new;
        if let Some(mut last) = self.entries.last_entry()
            && *last.key() < key
            && !last.get().offered
        {
            let key_bytes = last.key().len() + KEY_BYTES;
            let entry = last.get_mut();
            match Arc::make_mut(&mut entry.item).join(item) {
                Ok(()) => {
                    let bytes = key_bytes + entry.item.bytes();
                    self.entry_bytes = self.entry_bytes - entry.bytes + bytes;
                    (entry.bytes, entry.position) = (bytes, position);
                    return;
                }
                Err(back) => item = back,
            }
        }
        let bytes = bytes_of(&key, &item);
        let old = self.entries.get(&key);
        if old.is_some_and(|old| old.position > position) {
            return;
        }
        // Of a key that is not in reach the outbox may hold anything.
        let may_stand = old.map_or(!self.reach.covers(&key), |old| old.may_stand);
        let since_ms = old.map_or(since_ms, |old| old.since_ms.min(since_ms));
        // What was set aside, or does not decode, stands, and goes with what supersedes it.
        let is_left_there = self.aside.remove(&key).is_some() | self.unreadable.remove(&key);
        let may_stand = is_left_there || self.passed.may_hold(&key) || may_stand;
        self.drop_entry(&key);
        self.entry_bytes += bytes;
        self.unwritten.insert(key.clone());
        let item = Arc::new(item);
        let entry = Entry {
            from_seq,
            position,
            since_ms,
            item,
            bytes,
            stands: false,
            may_stand,
            offered: false,
            taken: false,
            passed: false,
        };
        self.entries.insert(key, entry);
    }

    /// Where to read on, if anything but memory may have something to tell and less than `bytes` can be told.
    pub(super) fn wants_page(&self, bytes: usize) -> Option<Option<Bytes>> {
        let after = match &self.reach {
            Reach::Everything => return None,
            Reach::Nothing => None,
            Reach::UpTo(key) => Some(key.clone()),
        };
        let in_reach = self.entries.iter().take_while(|(key, _)| self.reach.covers(key));
        let mut tellable = 0;
        for (key, entry) in in_reach {
            if !entry.taken && !entry.passed && !self.aside.contains_key(key) {
                tellable += entry.bytes;
            }
            if tellable >= bytes {
                return None;
            }
        }
        Some(after)
    }

    /// Takes in the rows that follow what is in reach; an empty page is the end.
    pub(super) fn take_page(&mut self, page: Vec<OutboxRow>) {
        if page.is_empty() {
            self.reach = Reach::Everything;
        }
        for OutboxRow { key, position, since_ms, data, .. } in page {
            self.reach = Reach::UpTo(key.clone());
            let covers = |known: Option<&Position>| known.is_some_and(|known| *known >= position);
            if covers(self.done.get(&key)) || covers(self.aside.get(&key)) {
                continue;
            }
            if let Some(entry) = self.entries.get_mut(&key) {
                entry.may_stand = true;
                entry.since_ms = entry.since_ms.min(since_ms);
                if entry.position == position {
                    entry.stands = true;
                    self.unwritten.remove(&key);
                }
                if entry.position >= position {
                    continue;
                }
            } else if self.passed.may_hold(&key) {
                continue;
            }
            let Some(item) = T::decode(data) else {
                let (shard, projection) = (self.outbox.shard().0, self.outbox.projection());
                tracing::error!(
                    shard,
                    projection,
                    ?key,
                    "a row of the outbox does not decode: it is left there"
                );
                self.unreadable.insert(key);
                continue;
            };
            self.drop_entry(&key);
            let bytes = bytes_of(&key, &item);
            self.entry_bytes += bytes;
            let item = Arc::new(item);
            let from_seq = position.seq;
            let entry = Entry {
                from_seq,
                position,
                since_ms,
                item,
                bytes,
                stands: true,
                may_stand: true,
                offered: true,
                taken: false,
                passed: false,
            };
            self.entries.insert(key, entry);
        }
    }

    pub(super) fn take(
        &mut self,
        told: &mut Vec<Telling<T>>,
        mut wanted: impl FnMut(&T) -> bool,
        limit: usize,
    ) {
        let before = told.len();
        for (key, entry) in &mut self.entries {
            if !self.reach.covers(key) || told.len() - before >= limit {
                break;
            }
            if entry.taken || entry.passed || self.aside.contains_key(key) {
                continue;
            }
            if !wanted(&entry.item) {
                break;
            }
            // The sink may take the item although its answer is lost: a later attempt has to send the same bytes.
            (entry.taken, entry.offered) = (true, true);
            told.push(Telling {
                shard: self.outbox.shard(),
                epoch: self.outbox.epoch(),
                key: key.clone(),
                position: entry.position,
                since_ms: entry.since_ms,
                item: Arc::clone(&entry.item),
            });
        }
    }

    pub(super) fn give_back(&mut self, told: &Telling<T>) {
        if let Some(entry) = self.entries.get_mut(&told.key)
            && entry.position == told.position
        {
            entry.taken = false;
        }
    }

    pub(super) fn give_all_back(&mut self) {
        self.entries.values_mut().for_each(|entry| entry.taken = false);
    }

    pub(super) fn confirm(&mut self, told: &Telling<T>) {
        match self.entries.get(&told.key) {
            // Something newer came meanwhile: its confirmation covers this.
            Some(entry) if entry.position > told.position => {}
            Some(entry) => {
                let may_stand = entry.may_stand;
                self.drop_entry(&told.key);
                if may_stand {
                    self.remember_done(&told.key, told.position);
                }
            }
            // It was let go of: its row stands.
            None => self.remember_done(&told.key, told.position),
        }
    }

    pub(super) fn set_aside(&mut self, told: &Telling<T>) -> bool {
        let has_room = self.aside.len() < MOST_SET_ASIDE;
        let Some(entry) = self.entries.get_mut(&told.key) else { return has_room };
        if entry.position > told.position {
            return has_room;
        }
        entry.taken = false;
        entry.passed = !has_room;
        let stands = entry.stands;
        if has_room {
            self.aside.insert(told.key.clone(), told.position);
        }
        if stands {
            self.leave_in_outbox(&told.key);
        }
        has_room
    }

    /// Items that are still in memory are told next; the others are read back from the outbox.
    pub(super) fn take_up_aside(&mut self) {
        self.entries.values_mut().for_each(|entry| entry.passed = false);
        let aside = std::mem::take(&mut self.aside).pop_first().map(|(first, _)| first);
        let passed = std::mem::take(&mut self.passed).first().cloned();
        if let Some(first) = aside.into_iter().chain(passed).min() {
            self.forget_from(&first);
        }
    }

    /// From this key on the outbox may hold what memory does not.
    fn forget_from(&mut self, first: &Bytes) {
        let before = self.entries.range::<Bytes, _>((Bound::Unbounded, Bound::Excluded(first))).next_back();
        let known = before.map_or(Reach::Nothing, |(key, _)| Reach::UpTo(key.clone()));
        self.reach = known.min(self.reach.clone());
        self.forgotten += 1;
    }

    pub(super) fn hand_over(&mut self, through_seq: u64, room: Room) -> SpoolSlice {
        let mut handed = SpoolSlice::default();
        let mut bytes = 0;
        let projection = self.outbox.projection();
        for key in &self.unwritten {
            let Some(entry) = self.entries.get_mut(key) else { continue };
            if entry.from_seq > through_seq {
                continue;
            }
            if handed.rows.len() >= room.rows || bytes >= room.bytes {
                handed.more = true;
                break;
            }
            let data = entry.item.encode();
            bytes += data.len();
            (entry.may_stand, entry.offered) = (true, true);
            handed.rows.push(OutboxRow {
                projection: projection.to_owned(),
                key: key.clone(),
                position: entry.position,
                since_ms: entry.since_ms,
                data,
            });
        }
        let done = self.done.iter().filter(|(key, _)| !self.unremoved.contains(*key)).take(room.rows);
        handed.done.extend(done.map(|(key, position)| OutboxDone {
            projection: projection.to_owned(),
            key: key.clone(),
            position: *position,
        }));
        handed
    }

    pub(super) fn stands(&mut self, rows: &[OutboxRow], done: &[OutboxDone]) {
        for row in rows {
            let Some(entry) = self.entries.get_mut(&row.key) else { continue };
            if entry.position == row.position {
                entry.stands = true;
                self.unwritten.remove(&row.key);
                if entry.passed || self.aside.contains_key(&row.key) {
                    self.leave_in_outbox(&row.key);
                }
            }
        }
        for gone in done {
            // One that was raised meanwhile has a newer row to remove.
            if self.done.get(&gone.key) == Some(&gone.position) {
                self.done.remove(&gone.key);
                self.done_bytes -= gone.key.len() + KEY_BYTES;
                self.forgotten += 1;
            }
        }
        self.remove_soon();
    }

    /// Lets go of items whose rows stand, the last ones first, where more than `share` is held; then of half of it, so
    /// that this does not come with every item.
    pub(super) fn let_go(&mut self, share: usize) {
        if self.bytes() <= share {
            return;
        }
        let mut excess = self.bytes() - share / 2;
        let mut gone = Vec::new();
        for (key, entry) in self.entries.iter().rev() {
            if excess == 0 {
                break;
            }
            if entry.stands && !entry.taken {
                excess = excess.saturating_sub(entry.bytes);
                gone.push(key.clone());
            }
        }
        for key in &gone {
            self.drop_entry(key);
        }
        if let Some(first) = gone.pop() {
            self.forget_from(&first);
        }
    }
}
