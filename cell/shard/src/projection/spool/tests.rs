//! A spool over a real store, with the slices of a checkpoint written, lost, or left without an answer.

mod aside;
mod reading;

use super::*;
use cell_store::fault::{Call, Fault, FaultStore, Gate};
use cell_store::{AppendOutcome, Checkpoint, MemoryStore, ShardStore};
use futures::FutureExt;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use uuid::Uuid;

const S: ShardId = ShardId(0);
const ROOM: Room = Room { rows: 4, bytes: 64 };

/// So many bytes, with a mark.
#[derive(Clone, PartialEq, Debug)]
struct Item(u64, usize);

impl Spooled for Item {
    fn bytes(&self) -> usize {
        self.1
    }

    fn encode(&self) -> Bytes {
        [self.0.to_be_bytes(), (self.1 as u64).to_be_bytes()].concat().into()
    }

    fn decode(data: Bytes) -> Option<Self> {
        let (mark, size) = data.split_first_chunk::<8>()?;
        let size = u64::from_be_bytes(size.try_into().ok()?);
        Some(Self(u64::from_be_bytes(*mark), size as usize))
    }
}

/// One shard with its owner.
struct Site {
    store: MemoryStore,
    epoch: Epoch,
    due: Arc<Notify>,
}

impl Site {
    async fn new() -> Site {
        let store = MemoryStore::new();
        store.open(1, Uuid::from_u128(1)).await.expect("opens");
        let mut site = Site { store, epoch: Epoch(0), due: Arc::new(Notify::new()) };
        site.acquire().await;
        site
    }

    async fn acquire(&mut self) {
        self.epoch = self.store.acquire(&[S]).await.expect("acquires")[0].epoch;
    }

    /// A spool of a process that starts now.
    fn spool(&self, budget: usize) -> Spool<Item> {
        let spool = Spool::new(budget);
        spool.begin(Outbox::new(Arc::new(self.store.clone()), S, self.epoch, "items", Arc::clone(&self.due)));
        spool
    }

    /// Writes one slice of what the spool hands over; false where that is nothing. Nobody hears of it unless `heard`.
    async fn slice(&self, spool: &Spool<Item>, through: u64, written: bool, heard: bool) -> bool {
        let SpoolSlice { rows, done, .. } = spool.hand_over(S, self.epoch, through, ROOM);
        let any = !rows.is_empty() || !done.is_empty();
        let slice = Checkpoint { outbox: rows, outbox_done: done, ..Checkpoint::empty(S, self.epoch) };
        if written {
            assert_eq!(self.store.checkpoint(&slice).await.expect("writes"), AppendOutcome::Accepted);
        }
        if written && heard {
            spool.stands(S, self.epoch, &slice.outbox, &slice.outbox_done);
        }
        any
    }

    /// Writes everything.
    async fn hand_over(&self, spool: &Spool<Item>) {
        while self.slice(spool, u64::MAX, true, true).await {}
    }

    async fn rows(&self) -> Vec<OutboxRow> {
        self.store.outbox(S, "items", None, usize::MAX, usize::MAX).await.expect("readable")
    }
}

fn key(n: u64) -> Bytes {
    Bytes::copy_from_slice(&n.to_be_bytes())
}

fn item(n: u64, seq: u64, size: usize) -> Unconfirmed<Item> {
    let position = Position { seq, index: 0 };
    Unconfirmed { key: key(n), from_seq: seq, position, since_ms: seq as i64, item: Item(seq, size) }
}

async fn told(spool: &Spool<Item>) -> Vec<Telling<Item>> {
    spool.read_back().await.expect("readable");
    spool.next(usize::MAX, usize::MAX)
}

fn marks(told: &[Telling<Item>]) -> Vec<u64> {
    told.iter().map(|told| told.item.0).collect()
}

#[tokio::test]
async fn nothing_is_told_before_the_outbox_was_looked_at() {
    let site = Site::new().await;
    let spool = site.spool(10_000);
    spool.put(S, site.epoch, item(1, 1, 10));
    assert!(spool.next(9, 99).is_empty());
    assert_eq!(marks(&told(&spool).await), [1]);
    assert!(told(&spool).await.is_empty(), "it is being told");
}

#[tokio::test]
async fn an_item_counts_as_told_when_its_slice_stands() {
    for (written, rows) in [(false, 0), (true, 1)] {
        let site = Site::new().await;
        let spool = site.spool(10_000);
        spool.put(S, site.epoch, item(1, 1, 10));
        site.slice(&spool, 1, written, false).await;
        assert_eq!(site.rows().await.len(), rows, "nobody heard of it");
        let again = spool.hand_over(S, site.epoch, 1, ROOM);
        assert_eq!(again.rows.len(), 1, "so it is offered again");
        spool.stands(S, site.epoch, &again.rows, &again.done);
        assert_eq!(spool.hand_over(S, site.epoch, 1, ROOM), SpoolSlice::default());
    }
}

#[tokio::test]
async fn a_confirmation_counts_when_its_removal_stands_also_of_a_write_that_nobody_heard_of() {
    let site = Site::new().await;
    let spool = site.spool(10_000);
    spool.put(S, site.epoch, item(1, 1, 10));
    site.slice(&spool, 1, true, false).await;
    spool.confirm(&told(&spool).await);
    for heard in [false, true] {
        let handed = spool.hand_over(S, site.epoch, 1, ROOM);
        assert_eq!((handed.rows.len(), handed.done.len()), (0, 1));
        site.slice(&spool, 1, true, heard).await;
    }
    assert_eq!(spool.hand_over(S, site.epoch, 1, ROOM), SpoolSlice::default());
    assert!(site.rows().await.is_empty());
    assert_eq!(spool.bytes(), 0);
}

#[tokio::test]
async fn what_was_confirmed_while_its_slice_was_under_way_is_removed() {
    let site = Site::new().await;
    let spool = site.spool(10_000);
    spool.put(S, site.epoch, item(1, 1, 10));
    let told = told(&spool).await;
    let handed = spool.hand_over(S, site.epoch, 1, ROOM);
    spool.confirm(&told);
    spool.stands(S, site.epoch, &handed.rows, &handed.done);
    assert_eq!(spool.hand_over(S, site.epoch, 1, ROOM).done.len(), 1);
}

#[tokio::test]
async fn a_late_confirmation_keeps_the_newer_item() {
    let site = Site::new().await;
    let spool = site.spool(10_000);
    spool.put(S, site.epoch, item(1, 1, 10));
    site.hand_over(&spool).await;
    let old = told(&spool).await;
    spool.put(S, site.epoch, item(1, 2, 10));
    spool.confirm(&old);
    site.hand_over(&spool).await;
    assert_eq!(site.rows().await[0].position.seq, 2);
    let new = told(&spool).await;
    assert_eq!(marks(&new), [2]);
    assert_eq!(new[0].since_ms, 1, "since when its key is behind");
    spool.confirm(&new);
    site.hand_over(&spool).await;
    assert!(site.rows().await.is_empty());
}

#[tokio::test]
async fn only_rows_that_the_trim_takes_are_asked_for() {
    let site = Site::new().await;
    let spool = site.spool(10_000);
    (1..=3).for_each(|n| spool.put(S, site.epoch, item(n, n, 10)));
    while site.slice(&spool, 2, true, true).await {}
    assert_eq!(site.rows().await.len(), 2);
}

#[tokio::test]
async fn a_dead_sink_costs_disk_and_no_memory_and_everything_is_told_in_order() {
    const ITEMS: u64 = 2_000;
    let site = Site::new().await;
    let spool = site.spool(2_000);
    for n in 1..=ITEMS {
        spool.put(S, site.epoch, item(n, n, 100));
        // As the shard does, whose full spool asks for it.
        if spool.bytes() > 2_000 {
            site.hand_over(&spool).await;
        }
        assert!(spool.bytes() < 2_500, "{}", spool.bytes());
    }
    site.hand_over(&spool).await;
    assert_eq!(site.rows().await.len(), ITEMS as usize);
    // The sink is back, and things go on.
    let mut all = Vec::new();
    for n in ITEMS + 1.. {
        let batch = told(&spool).await;
        if batch.is_empty() {
            break;
        }
        all.extend(marks(&batch));
        spool.confirm(&batch);
        if n <= ITEMS + 5 {
            spool.put(S, site.epoch, item(n, n, 100));
        }
        site.hand_over(&spool).await;
    }
    assert_eq!(all, (1..=ITEMS + 5).collect::<Vec<_>>());
    site.hand_over(&spool).await;
    assert!(site.rows().await.is_empty());
    assert_eq!(spool.bytes(), 0);
}

#[tokio::test]
async fn the_next_life_tells_what_stands_and_what_came_goes_behind() {
    let mut site = Site::new().await;
    let spool = site.spool(10_000);
    (1..=5).for_each(|n| spool.put(S, site.epoch, item(n, n, 10)));
    site.hand_over(&spool).await;
    let stale = site.epoch;
    site.acquire().await;
    let next = site.spool(10_000);
    next.put(S, stale, item(8, 8, 10));
    next.put(S, site.epoch, item(6, 6, 10));
    next.put(S, site.epoch, item(3, 7, 10));
    assert_eq!(
        marks(&told(&next).await),
        [1, 2, 7, 4, 5],
        "the newest of a key; the last is not in reach yet"
    );
    assert_eq!(marks(&told(&next).await), [6]);
    next.lost(S);
    assert!(told(&next).await.is_empty());
    assert_eq!(next.bytes(), 0);
}

#[tokio::test]
async fn shards_take_turns() {
    let store = MemoryStore::new();
    store.open(3, Uuid::from_u128(1)).await.expect("opens");
    let spool = Spool::new(100_000);
    let due = Arc::new(Notify::new());
    for shard in [0, 1, 2].map(ShardId) {
        spool.begin(Outbox::new(Arc::new(store.clone()), shard, Epoch(1), "items", Arc::clone(&due)));
        (1..=10).for_each(|n| spool.put(shard, Epoch(1), item(n, n, 10)));
    }
    spool.read_back().await.expect("readable");
    let shards: Vec<u32> = (0..6).flat_map(|_| spool.next(4, usize::MAX)).map(|told| told.shard.0).collect();
    assert_eq!(shards[..12], [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2]);
    assert_eq!(spool.next(9, 25).len(), 2, "as many as fit");
}

#[tokio::test]
async fn a_shard_that_holds_half_of_its_share_is_time_to_tell() {
    let store = MemoryStore::new();
    store.open(2, Uuid::from_u128(1)).await.expect("opens");
    let due = Arc::new(Notify::new());
    let begin = |spool: &Spool<Item>, shard| {
        spool.begin(Outbox::new(Arc::new(store.clone()), shard, Epoch(1), "items", Arc::clone(&due)));
    };
    let spool = Spool::new(1_000);
    begin(&spool, S);
    assert!(!spool.is_half_full(S));
    assert_eq!(spool.share(), 1_000);
    let taken = bytes_of(&key(1), &Item(1, 0));
    spool.put(S, Epoch(1), item(1, 1, 250 - taken));
    assert!(!spool.is_half_full(S), "a quarter");
    spool.put(S, Epoch(1), item(2, 2, 250 - taken));
    assert!(!spool.is_half_full(S), "half of it, and no more");
    spool.put(S, Epoch(1), item(3, 3, 1));
    assert!(spool.is_half_full(S));
    assert!(!spool.is_half_full(ShardId(1)), "of which nothing is known");
    begin(&spool, ShardId(1));
    assert_eq!(spool.share(), 500, "each has as much");
    spool.read_back().await.expect("readable");
    let told = spool.next(1, usize::MAX);
    assert_eq!(told[0].bytes(), 250, "what it takes with its key");
    spool.confirm(&told);
    assert!(spool.is_half_full(S), "a quarter of the whole is more than half of a share by now");
}

#[tokio::test]
async fn who_waits_for_items_is_woken_by_each_that_comes_and_on_demand() {
    let site = Site::new().await;
    let spool = site.spool(10_000);
    let arrived = |spool: &Spool<Item>| spool.arrived().now_or_never().is_some();
    assert!(arrived(&spool), "its outbox may hold something");
    assert!(!arrived(&spool));
    spool.put(S, site.epoch, item(1, 1, 10));
    assert!(arrived(&spool) && !arrived(&spool));
    spool.wake();
    assert!(arrived(&spool) && !arrived(&spool));
    site.slice(&spool, 1, true, true).await;
    assert!(arrived(&spool) && !arrived(&spool), "there may be room to read back");
    spool.give_all_back();
    assert!(arrived(&spool) && !arrived(&spool));
}

#[tokio::test]
async fn what_somebody_took_who_is_gone_is_told_again() {
    let site = Site::new().await;
    let spool = site.spool(10_000);
    (1..=3).for_each(|n| spool.put(S, site.epoch, item(n, n, 10)));
    assert_eq!(marks(&told(&spool).await), [1, 2, 3]);
    assert!(told(&spool).await.is_empty());
    spool.give_all_back();
    assert_eq!(marks(&told(&spool).await), [1, 2, 3]);
}

/// Marks that go on and on are one item.
#[derive(Clone, PartialEq, Debug)]
struct Run(Vec<u64>);

impl Spooled for Run {
    fn bytes(&self) -> usize {
        100 * self.0.len()
    }

    fn encode(&self) -> Bytes {
        self.0.iter().flat_map(|mark| mark.to_be_bytes()).collect::<Vec<u8>>().into()
    }

    fn decode(data: Bytes) -> Option<Self> {
        let (marks, rest) = data.as_chunks::<8>();
        rest.is_empty().then(|| Self(marks.iter().map(|mark| u64::from_be_bytes(*mark)).collect()))
    }

    fn join(&mut self, next: Self) -> Result<(), Self> {
        if self.0.last().map(|last| last + 1) != next.0.first().copied() {
            return Err(next);
        }
        self.0.extend(next.0);
        Ok(())
    }
}

#[tokio::test]
async fn what_is_joined_is_one_item_that_counts_once_until_it_was_offered() {
    let site = Site::new().await;
    let spool = Spool::new(100_000);
    spool.begin(Outbox::new(Arc::new(site.store.clone()), S, site.epoch, "items", Arc::clone(&site.due)));
    let put = |n: u64, mark: u64| {
        let position = Position { seq: n, index: 0 };
        let item = Run(vec![mark]);
        let new = Unconfirmed { key: key(n), from_seq: n, position, since_ms: 0, item };
        spool.put(S, site.epoch, new);
    };
    (1..=3).for_each(|n| put(n, n));
    let one = bytes_of(&key(1), &Run(vec![1, 2, 3]));
    assert_eq!(spool.bytes(), one, "one key, and each mark once");
    // Not what goes on from there.
    put(5, 7);
    assert_eq!(spool.bytes(), one + bytes_of(&key(5), &Run(vec![7])));
    // Not what comes under the same key, or under one of before.
    put(5, 8);
    put(4, 9);
    let handed = spool.hand_over(S, site.epoch, u64::MAX, Room { rows: 9, bytes: usize::MAX });
    let rows: Vec<_> = handed
        .rows
        .iter()
        .map(|row| (row.key.clone(), row.position.seq, Run::decode(row.data.clone())))
        .collect();
    let row = |n, seq, marks: &[u64]| (key(n), seq, Some(Run(marks.to_vec())));
    assert_eq!(rows, [row(1, 3, &[1, 2, 3]), row(4, 4, &[9]), row(5, 5, &[8])]);
    // A slice may hold it by now: it does not grow any more.
    put(6, 9);
    assert_eq!(spool.hand_over(S, site.epoch, u64::MAX, Room { rows: 9, bytes: usize::MAX }).rows.len(), 4);
    spool.read_back().await.expect("readable");
    let told = spool.next(9, usize::MAX);
    assert_eq!(told.iter().map(|told| &*told.item.0).collect::<Vec<_>>(), [&[1, 2, 3][..], &[9], &[8], &[9]]);
    spool.confirm(&told);
    spool.stands(S, site.epoch, &[], &spool.hand_over(S, site.epoch, 9, Room { rows: 9, bytes: 9 }).done);
    assert_eq!(spool.bytes(), 0);
}

/// Whatever fails, and whenever a process dies: the newest item of every key reaches the sink, and in the end the
/// outbox and memory are empty.
#[tokio::test]
async fn at_random_nothing_is_lost_and_nothing_stays_behind() {
    for seed in 0..300 {
        let mut random = StdRng::seed_from_u64(seed);
        let mut site = Site::new().await;
        let mut spool = site.spool(600);
        // Newest mark of each key: in the log, and at the sink.
        let (mut log, mut sink) = (BTreeMap::new(), BTreeMap::<u64, u64>::new());
        // Items whose rows the log still has, in order.
        let (mut tail, mut seq) = (Vec::new(), 0);
        let mut in_flight: Vec<Telling<Item>> = Vec::new();
        for _ in 0..200 {
            match random.random_range(0..12) {
                0..=4 => {
                    seq += 1;
                    let n = random.random_range(0..12);
                    log.insert(n, seq);
                    tail.push((n, seq));
                    spool.put(S, site.epoch, item(n, seq, random.random_range(0..80)));
                }
                5 => {
                    let (written, heard) = (random.random_bool(0.8), random.random_bool(0.8));
                    site.slice(&spool, u64::MAX, written, heard).await;
                }
                6 => {
                    // A checkpoint: what the trim takes must stand.
                    site.hand_over(&spool).await;
                    tail.clear();
                }
                7 => {
                    // The process dies; the next one has the outbox and the tail.
                    site.acquire().await;
                    spool = site.spool(600);
                    in_flight.clear();
                    tail.iter().for_each(|(n, seq)| spool.put(S, site.epoch, item(*n, *seq, 20)));
                }
                8 | 9 => {
                    spool.read_back().await.expect("readable");
                    in_flight.extend(spool.next(random.random_range(1..4), 200));
                }
                10 if !in_flight.is_empty() => {
                    let told = in_flight.swap_remove(random.random_range(0..in_flight.len()));
                    spool.give_back(&[told]);
                }
                _ if !in_flight.is_empty() => {
                    let told = in_flight.swap_remove(random.random_range(0..in_flight.len()));
                    let n = u64::from_be_bytes(told.key[..].try_into().expect("a key"));
                    let newest = sink.entry(n).or_default();
                    *newest = told.position.seq.max(*newest);
                    spool.confirm(&[told]);
                }
                _ => {}
            }
        }
        spool.give_back(&in_flight);
        for _ in 0..2 {
            loop {
                let batch = told(&spool).await;
                if batch.is_empty() {
                    break;
                }
                for told in &batch {
                    let n = u64::from_be_bytes(told.key[..].try_into().expect("a key"));
                    let newest = sink.entry(n).or_default();
                    *newest = told.position.seq.max(*newest);
                }
                spool.confirm(&batch);
            }
            site.hand_over(&spool).await;
        }
        assert_eq!(sink, log, "seed {seed}");
        while !spool.hand_over(S, site.epoch, u64::MAX, ROOM).done.is_empty() {
            site.hand_over(&spool).await;
        }
        assert!(site.rows().await.is_empty(), "seed {seed}");
        assert_eq!(spool.bytes(), 0, "seed {seed}");
    }
}

#[tokio::test]
async fn a_shard_that_holds_more_than_its_share_asks_for_its_items_to_be_written() {
    let site = Site::new().await;
    let spool = site.spool(2 * bytes_of(&key(1), &Item(1, 10)));
    for (n, asks) in [(1, false), (2, false), (3, true)] {
        spool.put(S, site.epoch, item(n, n, 10));
        assert_eq!(site.due.notified().now_or_never().is_some(), asks, "{n} items");
    }
}

#[tokio::test]
async fn no_more_is_told_at_a_time_than_is_wanted_and_whoever_had_nothing_comes_first() {
    let store = MemoryStore::new();
    store.open(3, Uuid::from_u128(1)).await.expect("opens");
    let (spool, due) = (Spool::new(100_000), Arc::new(Notify::new()));
    let put = |shard, n| spool.put(ShardId(shard), Epoch(1), item(n, n, 10));
    for shard in 0..3 {
        let outbox =
            Outbox::new(Arc::new(store.clone()), ShardId(shard), Epoch(1), "items", Arc::clone(&due));
        spool.begin(outbox);
        (1..=4).filter(|_| shard < 2).for_each(|n| put(shard, n));
    }
    spool.read_back().await.expect("readable");
    let shards = |items| spool.next(items, usize::MAX).iter().map(|told| told.shard.0).collect::<Vec<_>>();
    assert_eq!(shards(6), [0, 0, 0, 0, 1, 1]);
    assert_eq!(shards(9), [1, 1]);
    [0, 2].into_iter().for_each(|shard| put(shard, 5));
    assert_eq!(shards(1), [2]);
}

#[tokio::test]
async fn a_slice_takes_no_more_than_it_has_room_for() {
    let site = Site::new().await;
    let spool = site.spool(10_000);
    (1..=5).for_each(|n| spool.put(S, site.epoch, item(n, n, 10)));
    let handed = |rows, bytes| {
        let slice = spool.hand_over(S, site.epoch, 5, Room { rows, bytes });
        (slice.rows.len(), slice.more)
    };
    assert_eq!(
        [handed(2, usize::MAX), handed(9, 17), handed(5, usize::MAX)],
        [(2, true), (2, true), (5, false)]
    );
}

#[tokio::test]
async fn what_was_told_and_never_written_leaves_nothing_to_remove() {
    let site = Site::new().await;
    let spool = site.spool(10_000);
    assert!(told(&spool).await.is_empty());
    spool.put(S, site.epoch, item(1, 1, 10));
    assert_eq!(spool.held_bytes(), bytes_of(&key(1), &Item(1, 10)));
    spool.confirm(&told(&spool).await);
    assert_eq!((spool.hand_over(S, site.epoch, 1, ROOM), spool.held_bytes()), (SpoolSlice::default(), 0));
}

#[tokio::test]
async fn rows_of_a_key_are_removed_up_to_the_newest_that_was_taken_whichever_is_heard_of_last() {
    let site = Site::new().await;
    let spool = site.spool(10_000);
    let mut batches = Vec::new();
    for seq in 1..=2 {
        spool.put(S, site.epoch, item(1, seq, 10));
        site.hand_over(&spool).await;
        batches.push(told(&spool).await);
    }
    batches.iter().rev().for_each(|told| spool.confirm(told));
    site.hand_over(&spool).await;
    assert_eq!(site.rows().await, []);
}

#[tokio::test]
async fn many_rows_whose_items_were_taken_are_removed_soon() {
    let site = Site::new().await;
    let spool = site.spool(100_000);
    (1..=257).for_each(|n| spool.put(S, site.epoch, item(n, n, 10)));
    site.hand_over(&spool).await;
    spool.read_back_of(S, usize::MAX).await.expect("readable");
    let told = told(&spool).await;
    let asks = || site.due.notified().now_or_never().is_some();
    assert_eq!((told.len(), asks()), (257, false));
    spool.confirm(&told[..255]);
    // One that the store refuses to remove is no reason.
    spool.refused(S, site.epoch, &spool.hand_over(S, site.epoch, 0, ROOM).done[..1]);
    spool.confirm(&told[255..256]);
    assert!(!asks());
    spool.confirm(&told[256..]);
    assert!(asks());
}
