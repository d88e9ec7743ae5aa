//! What a projection's sink has not confirmed: in memory up to a budget, beyond it in the outbox only.
//!
//! A spool follows each shard by the keys of its items. Up to a key everything that is not confirmed is in memory
//! ([`ShardSpool::reach`](shard_spool::ShardSpool)); behind that key the outbox may hold items that memory does not.
//! Only items up to there are told, so that what was read back goes before what came later. A sink that is away for a
//! day costs disk and no memory, and a start reads nothing: a shard begins with an unknown outbox, which is read page
//! by page while the cell serves.
//!
//! Rules that every change has to keep:
//! - a row *stands* once the slice that holds it was accepted; a slice without an answer may stand, which counts as
//!   written for whoever removes rows and as not written for whoever trims the log;
//! - a confirmation is remembered until the slice that removes the row stands;
//! - an item leaves memory when it is confirmed, or while its row stands;
//! - a newer item of the same key stands for an older one: confirming it covers the older one's row, never the reverse.

mod passed;
mod shard_spool;
#[cfg(test)]
mod tests;

use super::outbox::{Outbox, Room};
use bytes::Bytes;
use cell_store::{Epoch, OutboxDone, OutboxRow, Position, ShardId, StoreError};
use parking_lot::Mutex;
use shard_spool::{ShardSpool, bytes_of};
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;
use tokio::sync::Notify;

/// An item that a spool keeps.
pub trait Spooled: Clone + Send + Sync + 'static {
    /// Bytes of memory that it takes.
    fn bytes(&self) -> usize;

    /// As the data of an outbox row.
    fn encode(&self) -> Bytes;

    /// From the data of an outbox row; none where that is not what `encode` made.
    fn decode(data: Bytes) -> Option<Self>;

    /// Takes in the item that came directly behind this one, or gives it back where the two cannot be one row.
    fn join(&mut self, next: Self) -> Result<(), Self> {
        Err(next)
    }
}

/// An item with what the spool has to know of it.
#[derive(Clone, Debug)]
pub struct Unconfirmed<T> {
    /// Key of its outbox row. An item replaces one of the same key. A projection that tells in log order makes its keys
    /// sort so.
    pub key: Bytes,
    /// First log row that it rests on: the log is not trimmed up to there before the item is told or its row stands.
    pub from_seq: u64,
    /// Last log position that it speaks of.
    pub position: Position,
    /// Shard time at which it came to be, Unix milliseconds.
    pub since_ms: i64,
    /// The item.
    pub item: T,
}

/// An item that is being told to the sink. It is given back or confirmed.
#[derive(Clone, Debug)]
pub struct Telling<T> {
    /// Its shard.
    pub shard: ShardId,
    /// Term in which it was taken.
    epoch: Epoch,
    /// Its key.
    pub key: Bytes,
    /// Its position.
    pub position: Position,
    /// When it came to be, Unix milliseconds.
    pub since_ms: i64,
    /// The item.
    pub item: Arc<T>,
}

impl<T: Spooled> Telling<T> {
    /// Bytes that it takes in the spool.
    pub fn bytes(&self) -> usize {
        bytes_of(&self.key, &*self.item)
    }
}

/// What a slice of a checkpoint takes of a spool.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SpoolSlice {
    /// Rows to write.
    pub rows: Vec<OutboxRow>,
    /// Rows to remove.
    pub done: Vec<OutboxDone>,
    /// Whether there is more to write.
    pub more: bool,
}

/// The side of a spool that checkpoints see. `hand_over` and `stands` of a shard are called one after the other, never
/// two at once.
pub trait SpoolSide: Send + Sync {
    /// Begins a shard that was just acquired; what was remembered of an earlier term is void.
    fn begin(&self, outbox: Outbox);

    /// What the next slice is to hold of items that began in rows up to `through_seq` and whose rows do not stand.
    fn hand_over(&self, shard: ShardId, epoch: Epoch, through_seq: u64, room: Room) -> SpoolSlice;

    /// The slice that held these stands. Is not called where nobody knows.
    fn stands(&self, shard: ShardId, epoch: Epoch, rows: &[OutboxRow], done: &[OutboxDone]);

    /// Forgets a shard.
    fn lost(&self, shard: ShardId);

    /// Bytes that are held in memory.
    fn held_bytes(&self) -> usize;

    /// Items that the sink refused for good and that stay in the outbox, and rows there that do not decode.
    fn set_aside_count(&self) -> usize;

    /// The store refuses to remove these rows: `hand_over` asks for it no more in this term, unless something newer of
    /// their keys is taken.
    fn refused(&self, shard: ShardId, epoch: Epoch, done: &[OutboxDone]);

    /// Since when the oldest item in memory waits for its sink, Unix milliseconds; not one that is set aside.
    fn oldest_ms(&self) -> Option<i64>;
}

/// Items of one projection that its sink has not confirmed, of all shards of a node.
///
/// `budget` bytes are shared out evenly among the shards. A shard whose share is full has its items written to the
/// outbox, and lets go of those that stand there, the last ones first. What is being told, a page that was read back,
/// and an item that is larger than the share come on top.
pub struct Spool<T> {
    budget: usize,
    shards: Mutex<BTreeMap<ShardId, ShardSpool<T>>>,
    arrived: Notify,
    /// Where the last call of `next` ended: the next begins behind it.
    turn: Mutex<Option<ShardId>>,
}

/// Rows and bytes that a page of the outbox holds at most, and the rows that it holds at least.
const PAGE: Room = Room { rows: 500, bytes: 256 << 10 };
const SHORTEST_PAGE: usize = 16;
/// What a row is taken to be when a page is fitted into a share: in memory it takes several times its encoded length.
const ROW_BYTES: usize = 2 << 10;

/// What a page holds where a shard may hold `share` bytes: about a quarter.
fn page_room(share: usize) -> Room {
    let rows = (share / 4 / ROW_BYTES).clamp(SHORTEST_PAGE, PAGE.rows);
    Room { rows, bytes: PAGE.bytes.min((share / 4).max(ROW_BYTES)) }
}

impl<T: Spooled> Spool<T> {
    /// An empty spool of `budget` bytes.
    pub fn new(budget: usize) -> Self {
        Self { budget, shards: Mutex::new(BTreeMap::new()), arrived: Notify::new(), turn: Mutex::new(None) }
    }

    /// Bytes that are held in memory.
    pub fn bytes(&self) -> usize {
        self.shards.lock().values().map(ShardSpool::bytes).sum()
    }

    /// Bytes that a shard may hold before it has to let go of some.
    pub fn share(&self) -> usize {
        share(self.budget, self.shards.lock().len())
    }

    /// Whether a shard holds half of its share: time to tell the sink, before anything has to be let go of.
    pub fn is_half_full(&self, shard: ShardId) -> bool {
        let shards = self.shards.lock();
        shards.get(&shard).is_some_and(|held| held.bytes() > share(self.budget, shards.len()) / 2)
    }

    /// Shards that have begun.
    pub fn shards(&self) -> Vec<ShardId> {
        self.shards.lock().keys().copied().collect()
    }

    /// Adds an item. One of a shard or of a term that has not begun here is ignored: whoever owns the shard has it in
    /// the log.
    pub fn put(&self, shard: ShardId, epoch: Epoch, item: Unconfirmed<T>) {
        let mut shards = self.shards.lock();
        let share = share(self.budget, shards.len());
        let Some(held) = of(&mut shards, shard, epoch) else { return };
        held.put(item);
        if held.bytes() > share {
            held.outbox.write_soon();
        }
        drop(shards);
        self.arrived.notify_one();
    }

    /// Waits until something came or may be told again.
    pub async fn arrived(&self) {
        self.arrived.notified().await;
    }

    /// Lets `arrived` return.
    pub fn wake(&self) {
        self.arrived.notify_one();
    }

    /// Reads back what only the outbox has, for every shard that has nothing else to tell. An error is of one of them,
    /// and leaves its rest for the next call.
    pub async fn read_back(&self) -> Result<(), StoreError> {
        let mut read = Ok(());
        for shard in self.shards() {
            read = self.read_back_of(shard, 1).await.and(read);
        }
        read
    }

    /// Reads back what only the outbox has of a shard, until `bytes` can be told or everything is in memory.
    pub async fn read_back_of(&self, shard: ShardId, bytes: usize) -> Result<(), StoreError> {
        loop {
            let (outbox, after, forgotten, room) = {
                let shards = self.shards.lock();
                let Some(held) = shards.get(&shard) else { return Ok(()) };
                let Some(after) = held.wants_page(bytes) else { return Ok(()) };
                (held.outbox.clone(), after, held.forgotten(), page_room(share(self.budget, shards.len())))
            };
            let page = outbox.page(after.as_ref(), room).await?;
            let mut shards = self.shards.lock();
            // What was let go of or removed meanwhile may be missing in the page, or wrongly there.
            if let Some(held) = of(&mut shards, shard, outbox.epoch())
                && held.forgotten() == forgotten
            {
                held.take_page(page);
            }
        }
    }

    /// Takes items to tell, in key order within a shard, at most `items` and as many as fit in `bytes` (at least one).
    /// Shards take turns.
    pub fn next(&self, items: usize, bytes: usize) -> Vec<Telling<T>> {
        let mut shards = self.shards.lock();
        let mut turn = self.turn.lock();
        let order: Vec<ShardId> = match *turn {
            Some(last) => {
                let behind = shards.range((Bound::Excluded(last), Bound::Unbounded));
                behind.chain(shards.range(..=last)).map(|(shard, _)| *shard).collect()
            }
            None => shards.keys().copied().collect(),
        };
        let (mut told, mut taken) = (Vec::new(), 0);
        for shard in order {
            let Some(held) = shards.get_mut(&shard) else { continue };
            let before = told.len();
            let fits = |item: &T| {
                let fits = taken == 0 || taken + item.bytes() <= bytes;
                taken += item.bytes();
                fits
            };
            held.take(&mut told, fits, items - before);
            if told.len() > before {
                *turn = Some(shard);
            }
        }
        told
    }

    /// Takes items of one shard, in key order, as long as `wanted` says so.
    pub fn next_of(&self, shard: ShardId, wanted: impl FnMut(&T) -> bool) -> Vec<Telling<T>> {
        let mut told = Vec::new();
        if let Some(held) = self.shards.lock().get_mut(&shard) {
            held.take(&mut told, wanted, usize::MAX);
        }
        told
    }

    /// Whether everything of a shard that is not confirmed is in memory: the outbox holds nothing else.
    pub fn is_all_at_hand(&self, shard: ShardId) -> bool {
        self.shards.lock().get(&shard).is_none_or(ShardSpool::is_all_at_hand)
    }

    /// Whoever was telling is gone, and so is what it had taken: everything may be told again.
    pub fn give_all_back(&self) {
        self.shards.lock().values_mut().for_each(ShardSpool::give_all_back);
        self.wake();
    }

    /// These were not told, or nobody knows: they will be again.
    pub fn give_back(&self, told: &[Telling<T>]) {
        let mut shards = self.shards.lock();
        for one in told {
            if let Some(held) = of(&mut shards, one.shard, one.epoch) {
                held.give_back(one);
            }
        }
    }

    /// The sink has these for good.
    pub fn confirm(&self, told: &[Telling<T>]) {
        let mut shards = self.shards.lock();
        for one in told {
            if let Some(held) = of(&mut shards, one.shard, one.epoch) {
                held.confirm(one);
            }
        }
    }

    /// The sink does not take this as it is: it stays in the outbox and is not told again before
    /// [`take_up_aside`](Self::take_up_aside), the next term, or something newer of its key. False where too many were
    /// set aside in its shard: then it may be the sink that is at fault. The item is passed over and told no sooner,
    /// but counts as one that waits for the sink as long as it is in memory.
    pub fn set_aside(&self, told: &Telling<T>) -> bool {
        of(&mut self.shards.lock(), told.shard, told.epoch).is_none_or(|held| held.set_aside(told))
    }

    /// What was set aside may be told again: the sink may have been mended.
    pub fn take_up_aside(&self) {
        self.shards.lock().values_mut().for_each(ShardSpool::take_up_aside);
    }
}

fn of<T>(
    shards: &mut BTreeMap<ShardId, ShardSpool<T>>,
    shard: ShardId,
    epoch: Epoch,
) -> Option<&mut ShardSpool<T>> {
    shards.get_mut(&shard).filter(|held| held.outbox.epoch() == epoch)
}

fn share(budget: usize, shards: usize) -> usize {
    budget / shards.max(1)
}

impl<T: Spooled> SpoolSide for Spool<T> {
    fn begin(&self, outbox: Outbox) {
        self.shards.lock().insert(outbox.shard(), ShardSpool::new(outbox));
        self.arrived.notify_one();
    }

    fn hand_over(&self, shard: ShardId, epoch: Epoch, through_seq: u64, room: Room) -> SpoolSlice {
        let mut shards = self.shards.lock();
        of(&mut shards, shard, epoch).map(|held| held.hand_over(through_seq, room)).unwrap_or_default()
    }

    fn stands(&self, shard: ShardId, epoch: Epoch, rows: &[OutboxRow], done: &[OutboxDone]) {
        let mut shards = self.shards.lock();
        let share = share(self.budget, shards.len());
        if let Some(held) = of(&mut shards, shard, epoch) {
            held.stands(rows, done);
            held.let_go(share);
        }
        drop(shards);
        // There may be room to read back.
        self.arrived.notify_one();
    }

    fn lost(&self, shard: ShardId) {
        self.shards.lock().remove(&shard);
    }

    fn held_bytes(&self) -> usize {
        self.bytes()
    }

    fn set_aside_count(&self) -> usize {
        self.shards.lock().values().map(ShardSpool::set_aside_count).sum()
    }

    fn refused(&self, shard: ShardId, epoch: Epoch, done: &[OutboxDone]) {
        if let Some(held) = of(&mut self.shards.lock(), shard, epoch) {
            held.refused(done);
        }
    }

    fn oldest_ms(&self) -> Option<i64> {
        self.shards.lock().values().filter_map(ShardSpool::oldest_ms).min()
    }
}
