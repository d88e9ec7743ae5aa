//! The node's partitions, and everything callers do with them.

use std::{
    collections::BTreeMap,
    future::Future,
    hash::{DefaultHasher, Hash, Hasher},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use parking_lot::{Mutex, RwLock};
use tokio::time::Instant;
use uuid::Uuid;

use crate::{
    config::MatchingConfig,
    describe::TaskQueueStats,
    key::{QueueKind, TaskQueueKey},
    loaded::Loaded,
    meters::Meters,
    owed::{Debts, Owed},
    partition::{Partition, Shared},
    poll::{self, PollOutcome, Poller},
    pull::{Pull, Pulls},
    query::{self, QueryError, QueryGone, QueryRegistry, QueryTask},
    retired::Retired,
    task::TaskRef,
};

/// Locks that the map of partitions is spread over. Loading a partition is the only writer, so few suffice.
const MAP_SHARDS: usize = 32;

/// What became of an offered task. The variants that hold the task did not take it.
#[derive(Debug, PartialEq)]
pub enum Offer {
    /// Handed to a parked poll, which will record its start. If that fails it goes back to the backlog.
    Matched,
    /// In the backlog.
    Queued,
    /// There is no room, or what comes before it is not all here: the partition asks for it in its turn
    /// ([`Matching::wants_more`]); where there is no room for the partition either, its shard is asked
    /// ([`Matching::owed`]). A sticky queue does not: offer the task on the normal queue.
    Full(TaskRef),
    /// Nobody polls this sticky queue: offer the task on the normal queue.
    StickyWorkerUnavailable(TaskRef),
    /// The partition is being given up: offer to its new owner.
    Moved(TaskRef),
}

type PartitionMap = BTreeMap<TaskQueueKey, Arc<Partition>>;

/// All task queue partitions of one node.
///
/// Everything is in memory: after a crash it starts empty, shards offer what they have to dispatch, and polls
/// come again.
pub struct Matching {
    pub(crate) shared: Arc<Shared>,
    maps: [RwLock<PartitionMap>; MAP_SHARDS],
    /// Counts of the partitions in memory. Taken under a map's lock, where a partition comes or goes.
    loaded: Mutex<Loaded>,
    /// How many partitions were ever loaded. Moved on under a map's lock, where one comes.
    loads: AtomicU64,
}

impl Matching {
    /// An empty node. Metrics go to the recorder that is installed at this moment. Spawn
    /// [`Matching::run_janitor`] once, or memory is never given back.
    pub fn new(config: MatchingConfig) -> Arc<Self> {
        let shared = Shared {
            config,
            meters: Meters::new(),
            pulls: Pulls::default(),
            owing: Debts::default(),
            queries: QueryRegistry::default(),
            retired: Retired::default(),
            workers: Arc::default(),
            pollers: Arc::default(),
            backlogs: Arc::default(),
        };
        let maps = std::array::from_fn(|_| RwLock::default());
        Arc::new(Self { shared: Arc::new(shared), maps, loaded: Mutex::default(), loads: AtomicU64::new(0) })
    }

    /// Bytes of memory of the tasks that wait in all partitions.
    pub fn backlog_bytes(&self) -> usize {
        self.shared.backlogs.load(Ordering::Relaxed)
    }

    /// Bytes of memory of all partitions but for what waits in them and who polled.
    pub fn partition_bytes(&self) -> usize {
        self.loaded.lock().bytes()
    }

    /// Bytes of memory of who polled of late, in all partitions.
    pub fn poller_bytes(&self) -> usize {
        self.shared.pollers.bytes()
    }

    /// Offers a task: to a parked poll at once, else to the backlog. Never waits.
    ///
    /// Offering the same task twice is harmless, since its second start is refused, but costs a dispatch.
    pub fn offer(&self, key: &TaskQueueKey, task: TaskRef) -> Offer {
        // A partition that comes between the refusal and what follows counts as one that came later.
        let loads = self.loads.load(Ordering::SeqCst);
        match (self.partition_for_work(key), key.kind) {
            (Some(partition), _) => partition.offer(task),
            (None, QueueKind::Sticky) => Offer::StickyWorkerUnavailable(task),
            (None, QueueKind::Normal) => {
                self.shared.owing.note([task.shard], loads);
                Offer::Full(task)
            }
        }
    }

    /// Polls a partition, loading it if need be. The future is `'static`; the poll parks when it is first
    /// polled.
    ///
    /// Ends with work, or empty after the configured long poll or a margin before the poller's deadline,
    /// whichever comes first. A deadline within the margin takes only what waits already. Dropping the future
    /// at any point loses no task.
    pub fn poll(
        &self,
        key: &TaskQueueKey,
        poller: Poller,
    ) -> impl Future<Output = PollOutcome> + Send + use<> {
        poll::run(self.load(key), poller)
    }

    /// Dispatches a query to a poll of the partition and waits for the worker's answer, in the encoding that
    /// [`Matching::complete_query`] was given. `timeout` should leave the caller time to answer its client.
    ///
    /// Never kept: dropping the future withdraws the query. A sticky queue without a worker answers
    /// [`QueryError::NoPoller`] at once; on a normal queue the query waits for a worker to appear.
    pub fn dispatch_query(
        &self,
        key: &TaskQueueKey,
        task: QueryTask,
        timeout: Duration,
    ) -> impl Future<Output = Result<Bytes, QueryError>> + Send + use<> {
        let (partition, kind) = (self.partition_for_work(key), key.kind);
        let shared = self.shared.clone();
        async move {
            match partition {
                Some(partition) => query::run(shared, partition, task, timeout).await,
                None if kind == QueueKind::Normal => Err(QueryError::TooMany),
                None => Err(QueryError::NoPoller),
            }
        }
    }

    /// Brings a worker's answer to whoever dispatched the query on this node.
    pub fn complete_query(&self, namespace_id: Uuid, query_id: Uuid, answer: Bytes) -> Result<(), QueryGone> {
        self.shared.queries.complete(namespace_id, query_id, answer)
    }

    /// Waits until partitions have room for tasks that they do not hold, which every one does that was just
    /// loaded, and says what each wants to read. Meant for one caller in a loop; dropping the future loses
    /// nothing.
    pub async fn wants_more(&self) -> Vec<Pull> {
        self.shared.pulls.next().await
    }

    /// Waits until shards are to write down tasks that no partition remembers. Meant for one caller in a loop; dropping
    /// the future loses nothing.
    pub async fn owed(self: &Arc<Self>) -> Owed {
        let debt = self.shared.owing.next().await;
        Owed::new(Arc::clone(self), debt)
    }

    /// Lets the partitions that were loaded after so many read again what waits in the store.
    pub(crate) fn look_again_since(&self, loads: u64) {
        self.partitions().iter().filter(|partition| partition.number > loads).for_each(Partition::look_again);
    }

    /// Lets every partition ask again for all that waits in the store. A shard that was lost and taken back may have
    /// lost the starts of tasks that stand there as waiting: nobody else dispatches these again.
    pub fn look_again(&self) {
        self.partitions().iter().for_each(Partition::look_again);
    }

    /// Ends all parked polls of a worker that shuts down (RPC ShutdownWorker), in every queue of the
    /// namespace, and answers how many. Polls that were still on their way end at once too.
    pub fn end_worker_polls(&self, namespace_id: Uuid, instance_key: &Arc<str>) -> usize {
        let limit = self.shared.config.namespace_retired;
        self.shared.retired.add(namespace_id, Arc::clone(instance_key), Instant::now(), limit);
        let places = self.shared.workers.places(namespace_id, instance_key);
        places.into_iter().map(|partition| partition.end_worker(instance_key)).sum()
    }

    /// Gives a partition up because another node has it now, or because its sticky worker has gone. Its polls
    /// and queries end as moved. Answers the tasks that waited, in order, for the caller to offer elsewhere;
    /// those on lease are not among them, and are let go if they are given back.
    pub fn give_up(&self, key: &TaskQueueKey) -> Vec<TaskRef> {
        let removed = self.remove(&mut self.map(key).write(), key);
        removed.map(|partition| partition.close()).unwrap_or_default()
    }

    /// The partitions in memory, in the same order whenever they are the same ones.
    pub fn loaded(&self) -> Vec<TaskQueueKey> {
        self.partitions().iter().map(|partition| partition.key.clone()).collect()
    }

    /// What DescribeTaskQueue shows of a partition; none if it is not loaded. `now_ms` is the wall clock, Unix
    /// milliseconds.
    pub fn describe(&self, key: &TaskQueueKey, now_ms: i64) -> Option<TaskQueueStats> {
        self.find(key).map(|partition| TaskQueueStats::of(&partition, now_ms))
    }

    pub(crate) fn partitions(&self) -> Vec<Arc<Partition>> {
        self.maps.iter().flat_map(|map| map.read().values().cloned().collect::<Vec<_>>()).collect()
    }

    /// Unloads a partition that nobody uses, with what waits there: its shards write that down. Under the map's lock
    /// nobody can come by it anew, and who holds it already (a call, a poll, a lease) counts as a reference.
    pub(crate) fn unload_if_idle(&self, key: &TaskQueueKey, now: Instant) {
        let mut map = self.map(key).write();
        if map.get(key).is_some_and(|partition| Arc::strong_count(partition) == 1 && partition.is_idle(now))
            && let Some(partition) = self.remove(&mut map, key)
        {
            self.shared.owing.note(partition.remembers(), self.loads.load(Ordering::SeqCst));
        }
    }

    fn remove(&self, map: &mut PartitionMap, key: &TaskQueueKey) -> Option<Arc<Partition>> {
        let removed = map.remove(key)?;
        self.loaded.lock().remove(key.namespace_id, Partition::own_bytes(key));
        Some(removed)
    }

    /// The partition that work goes to. A sticky queue that nobody polls is not worth loading, and a normal one waits
    /// for its poll where its namespace has too many.
    fn partition_for_work(&self, key: &TaskQueueKey) -> Option<Arc<Partition>> {
        match key.kind {
            QueueKind::Normal => self.load(key),
            QueueKind::Sticky => self.find(key),
        }
    }

    fn map(&self, key: &TaskQueueKey) -> &RwLock<PartitionMap> {
        // Whoever chooses names that collide gains nothing but his neighbours' lock.
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        &self.maps[hasher.finish() as usize % MAP_SHARDS]
    }

    fn find(&self, key: &TaskQueueKey) -> Option<Arc<Partition>> {
        self.map(key).read().get(key).cloned()
    }

    /// The partition, made if need be; none where its namespace has as many as it may, or there is no room for it.
    fn load(&self, key: &TaskQueueKey) -> Option<Arc<Partition>> {
        let map = self.map(key);
        if let Some(partition) = map.read().get(key) {
            return Some(partition.clone());
        }
        let mut map = map.write();
        if let Some(partition) = map.get(key) {
            return Some(partition.clone());
        }
        let bytes = Partition::own_bytes(key);
        if !self.loaded.lock().add(key.namespace_id, bytes, &self.shared.config) {
            return None;
        }
        let number = self.loads.fetch_add(1, Ordering::SeqCst) + 1;
        let partition = Partition::load(key.clone(), number, self.shared.clone());
        map.insert(key.clone(), partition.clone());
        Some(partition)
    }
}
