//! The shard runtime: what frontends and effects call.

use crate::ask::{Ask, Sent};
use crate::begun::Begun;
use crate::clock::Clock;
use crate::coalesce::Coalescer;
use crate::config::ShardConfig;
use crate::error::ShardError;
use crate::guard::caught;
use crate::hash::shard_of;
use crate::keeper::Keeper;
use crate::load_sizes::LoadSizes;
use crate::metrics::AppendMetrics;
use crate::reads::Reads;
use crate::refusals;
use crate::shard::Shard;
use crate::sink::{EffectSink, Projection};
use crate::state::{Phase, ShardState};
use crate::stored::{self, Stored};
use crate::wall::Wall;
use crate::watch::Awaited;
use atoll_internal_api::entity::EntityKey;
use atoll_internal_api::usage::v1::UsageEntry;
use cell_engine::{
    Address, AddressOf, Command, Context, Decision, Family, IdSource, Memory, NamespaceConfig, Origin,
    Registry, Release, Time, Transition,
};
use cell_memory::Budget;
use cell_store::{Epoch, ShardId, ShardStore, StoreError, StoreIdentity};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use tokio::sync::{Notify, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

/// Where the runtime looks up namespaces. Must answer at once.
pub trait Namespaces: Send + Sync + 'static {
    /// The namespace as configured now; `None` when the cell does not know it.
    fn namespace(&self, id: Uuid) -> Option<Arc<NamespaceConfig>>;
}

/// What the runtime is built from.
pub struct ShardDeps {
    /// Storage.
    pub store: Arc<dyn ShardStore>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Namespaces.
    pub namespaces: Arc<dyn Namespaces>,
    /// Takes effects.
    pub effects: Arc<dyn EffectSink>,
    /// Follow the log.
    pub projections: Vec<Arc<dyn Projection>>,
    /// What is in memory draws on it.
    pub memory: Arc<Budget>,
    /// Kinds of entities that shards can host: those of the product, `Registry::default()`.
    pub kinds: Registry,
    /// Seed of every id that the runtime makes.
    pub seed: u128,
}

/// All shards of a cell that this node owns.
pub struct ShardRuntime {
    pub(crate) config: ShardConfig,
    pub(crate) store: Arc<dyn ShardStore>,
    pub(crate) wall: Wall,
    pub(crate) namespaces: Arc<dyn Namespaces>,
    pub(crate) effects: Arc<dyn EffectSink>,
    pub(crate) projections: Vec<Arc<dyn Projection>>,
    pub(crate) kinds: Arc<Registry>,
    pub(crate) shards: Vec<Arc<Shard>>,
    pub(crate) identity: StoreIdentity,
    /// Something waits to be written, and somebody for it.
    pub(crate) dirty: Notify,
    /// Something waits to be written that nobody waits for.
    pub(crate) unhurried: Notify,
    pub(crate) stop: CancellationToken,
    pub(crate) tasks: TaskTracker,
    pub(crate) keeper: Arc<Keeper>,
    /// A shard was given up.
    pub(crate) lost: Notify,
    /// Why nothing is served any more.
    pub(crate) halted: OnceLock<String>,
    /// The store has no space left: nothing new is taken until an append succeeds.
    pub(crate) full: AtomicBool,
    pub(crate) metrics: AppendMetrics,
    pub(crate) memory: Arc<Budget>,
    pub(crate) load_sizes: Arc<LoadSizes>,
    pub(crate) loads: Arc<Coalescer<(ShardId, EntityKey), Stored>>,
    epochs: Arc<Coalescer<ShardId, Epoch>>,
    seed: u128,
    drawn: AtomicU64,
}

impl ShardRuntime {
    /// Opens the store, acquires every shard, replays its tail and starts serving.
    pub async fn open(config: ShardConfig, deps: ShardDeps) -> Result<Arc<Self>, ShardError> {
        let incarnation = IdSource::new(deps.seed ^ u128::MAX).next_id();
        let identity = deps.store.open(config.shard_count, incarnation).await?;
        let store = Arc::clone(&deps.store);
        let load_sizes = Arc::new(LoadSizes::of(&deps.memory));
        let sizes = Arc::clone(&load_sizes);
        let loads = Coalescer::new(
            move || sizes.at_once(),
            move |keys: Vec<(ShardId, EntityKey)>| {
                let store = Arc::clone(&store);
                async move { stored::load(&*store, &keys, Reads::ONCE).await.map_err(|e| e.to_string()) }
            },
        );
        let store = Arc::clone(&deps.store);
        let epochs = Coalescer::new(
            || usize::MAX,
            move |shards: Vec<ShardId>| {
                let store = Arc::clone(&store);
                async move { store.epochs(&shards).await.map_err(|e| e.to_string()) }
            },
        );
        let kinds = Arc::new(deps.kinds);
        let mut seeds = IdSource::new(deps.seed ^ u128::from(u64::MAX));
        let shard = |id| {
            let (kinds, memory) = (Arc::clone(&kinds), Arc::clone(&deps.memory));
            Arc::new(Shard::new(ShardId(id), kinds, seeds.next_u64(), memory))
        };
        let shards = (0..identity.shard_count).map(shard).collect();
        let runtime = Arc::new(Self {
            config,
            store: deps.store,
            wall: Wall::new(deps.clock),
            namespaces: deps.namespaces,
            effects: deps.effects,
            projections: deps.projections,
            kinds,
            shards,
            identity,
            dirty: Notify::new(),
            unhurried: Notify::new(),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
            keeper: Arc::default(),
            lost: Notify::new(),
            halted: OnceLock::new(),
            full: AtomicBool::new(false),
            metrics: AppendMetrics::new(),
            memory: deps.memory,
            load_sizes,
            loads,
            epochs,
            seed: deps.seed,
            drawn: AtomicU64::new(0),
        });
        runtime.watch_memory();
        runtime.acquire_all().await?;
        runtime.start_tasks();
        Ok(runtime)
    }

    /// Identity of the store: log incarnation and shard count.
    pub fn identity(&self) -> StoreIdentity {
        self.identity
    }

    /// Where the entities of an id live.
    pub fn shard_of(&self, namespace_id: Uuid, id: &str) -> ShardId {
        shard_of(namespace_id, id, self.identity.shard_count)
    }

    /// Shards that are being served.
    pub fn serving(&self) -> usize {
        self.shards.iter().filter(|shard| shard.state.lock().phase == Phase::Serving).count()
    }

    /// Executions in memory that are not closed: what a person asks first of a cell.
    pub fn open_runs(&self) -> u64 {
        self.shards.iter().map(|shard| shard.state.lock().table.open() as u64).sum()
    }

    /// Log bytes that the next owners of this node's shards would replay.
    pub fn tail_bytes(&self) -> usize {
        self.shards.iter().map(|shard| shard.state.lock().log.tail.bytes()).sum()
    }

    /// Decides a command on its target, applies it, and answers once that is durable.
    ///
    /// A caller that goes away changes nothing about what was applied. An error other than
    /// `Rejected` leaves open whether the command took effect; commands with request ids may be
    /// repeated.
    pub async fn execute<C: Command>(
        &self,
        target: &AddressOf<C>,
        command: C,
    ) -> Result<C::Reply, ShardError> {
        self.begin(target, command).await?.released().await
    }

    /// Decides a command on its target and applies it. A caller that goes away before this answers has changed nothing;
    /// after that the command stands, and what it answers waits for [`Begun::released`].
    pub async fn begin<C: Command>(
        &self,
        target: &AddressOf<C>,
        command: C,
    ) -> Result<Begun<'_, C::Reply>, ShardError> {
        self.decide(self.shard(target), Sent { at: target, command }).await
    }

    /// As `execute`, without waiting for durability: for the runtime's own commands, whose effects
    /// go out with the batch anyway.
    pub(crate) async fn execute_unawaited<A: Ask>(&self, ask: A) -> Result<A::Reply, ShardError> {
        let shard = self.shard_at(ask.namespace_id(), ask.id());
        self.decide(shard, ask).await?.answer.map_err(ShardError::Rejected)
    }

    /// Decides and applies.
    pub(crate) async fn decide<'a, A: Ask>(
        &'a self,
        shard: &'a Shard,
        ask: A,
    ) -> Result<Begun<'a, A::Reply>, ShardError> {
        let namespace_id = ask.namespace_id();
        let namespace =
            self.namespaces.namespace(namespace_id).ok_or(ShardError::UnknownNamespace(namespace_id))?;
        let origin = ask.origin();
        let ready = self.ready(shard, origin, |memory| ask.needs(memory)).await;
        let mut state = ready.inspect_err(|error| self.note_refusal(shard, origin, error))?;
        let now = state.advance(self.wall.look());
        self.admit(shard, &mut state, origin, now)?;
        let mut ids = IdSource::new(self.draw() ^ of_epoch(state.epoch));
        let mut context = Context { now, ids: &mut ids, limits: &self.config.limits, namespace: &namespace };
        let id = Arc::clone(ask.id());
        let members = ask.members(state.table.memory());
        let grace = state.grace;
        let decision = caught(|| ask.decide(state.table.memory(), grace, &mut context)).map_err(|panic| {
            tracing::error!(%id, panic, "panic while deciding; nothing changed");
            ShardError::Panicked
        })?;
        let prior = state.table.used(&members);
        let Decision { transitions, answer, release } = decision;
        let changed = !transitions.is_empty();
        let awaited =
            if changed { self.take_in(shard, &mut state, now, &id, transitions, release)? } else { None };
        let ends_something = !changed && (answer.is_err() || release == Release::Owned);
        let confirm = ends_something.then_some(state.epoch);
        let wait = state.log.wait_for(awaited.unwrap_or(prior));
        Ok(Begun { runtime: self, shard, answer, wait, confirm })
    }

    /// Applies what was decided about `id`. Answers up to where the log has to be durable before the answer leaves; none where the
    /// answer does not wait for this.
    fn take_in(
        &self,
        shard: &Shard,
        state: &mut ShardState,
        now: Time,
        id: &str,
        transitions: Vec<Transition>,
        release: Release,
    ) -> Result<Option<u64>, ShardError> {
        let ordinal = state.commit(&self.config, now, transitions, Vec::new()).map_err(|panic| {
            tracing::error!(%id, panic, "the command never happened");
            ShardError::Quarantined(id.to_owned())
        })?;
        if release == Release::PriorDurable {
            self.wrote_unhurried(shard, state);
            return Ok(None);
        }
        state.log.open.waited_for(now);
        self.wrote(shard, state);
        Ok(Some(ordinal))
    }

    /// Reads something about a target for a client; what it saw is durable when this returns.
    pub async fn read<A: Address, R>(
        &self,
        target: &A,
        look: impl FnOnce(<A::Family as Family>::View<'_>) -> R,
    ) -> Result<R, ShardError> {
        self.read_for(Origin::Client, target, look).await
    }

    /// As `read`, for whoever it is.
    pub async fn read_for<A: Address, R>(
        &self,
        origin: Origin,
        target: &A,
        look: impl FnOnce(<A::Family as Family>::View<'_>) -> R,
    ) -> Result<R, ShardError> {
        let shard = self.shard(target);
        let (seen, wait, confirm) = {
            let mut state = self.ready(shard, origin, |memory| A::Family::needs(target, memory)).await?;
            let memory = state.table.memory();
            let members = A::Family::members(target, memory);
            let seen =
                caught(|| look(A::Family::view(target, memory))).map_err(|p| unreadable(target, &p))?;
            let absent = members.addressed.as_ref().is_none_or(|key| state.table.get(key).is_none());
            let ordinal = state.table.used(&members);
            (seen, state.log.wait_for(ordinal), absent.then_some(state.epoch))
        };
        self.released(shard, wait).await?;
        if let Some(epoch) = confirm {
            self.confirm_ownership(shard, epoch).await?;
        }
        Ok(seen)
    }

    /// Notes usage that no transition causes (a query). Does not wait: a crash may lose it, in the
    /// customer's favour, and so does a store that is so far behind that commands are refused.
    pub fn record_usage(&self, target: &impl Address, usage: impl FnOnce(Time) -> UsageEntry) {
        let shard = self.shard(target);
        let mut state = shard.state.lock();
        if state.phase == Phase::Serving && !self.is_too_far_behind(&state) {
            let now = state.advance(self.wall.look());
            state.commit_fact(&self.config, now, vec![usage(now)], None);
            self.wrote(shard, &state);
        }
    }

    /// A receiver that fires when what is awaited of the addressed entity has happened durably, or at once with an error
    /// when the shard is lost. `still` decides under the lock whether waiting makes sense.
    pub async fn watch<A: Address>(
        &self,
        target: &A,
        awaited: Awaited,
        still: impl FnOnce(<A::Family as Family>::View<'_>) -> bool,
    ) -> Result<Option<oneshot::Receiver<()>>, ShardError> {
        let shard = self.shard(target);
        let needs = |memory: Memory<'_>| A::Family::needs(target, memory);
        let mut state = self.ready(shard, Origin::Client, needs).await?;
        let memory = state.table.memory();
        let addressed = A::Family::members(target, memory).addressed;
        let waits = caught(|| still(A::Family::view(target, memory))).map_err(|p| unreadable(target, &p))?;
        let resident = addressed.filter(|_| waits).and_then(|key| state.table.get_mut(&key));
        Ok(resident.map(|resident| resident.core.watchers.add(awaited)))
    }

    pub(crate) fn shard(&self, target: &impl Address) -> &Arc<Shard> {
        self.shard_at(target.namespace_id(), target.id())
    }

    pub(crate) fn shard_at(&self, namespace_id: Uuid, id: &str) -> &Arc<Shard> {
        &self.shards[self.shard_of(namespace_id, id).0 as usize]
    }

    /// Refuses before anything is applied when the store does not keep up, or memory has no room for whoever calls. Once
    /// that is over workers get a grace, and with each wake-up that goes on while they are refused.
    fn admit(
        &self,
        shard: &Shard,
        state: &mut ShardState,
        origin: Origin,
        now: Time,
    ) -> Result<(), ShardError> {
        let since = state.log.open.waited_for_since();
        let age = since.map_or(0, |since| now.0.saturating_sub(since.0));
        let too_old = i128::from(age) > self.config.batch_age.as_nanos() as i128;
        if too_old || self.is_too_far_behind(state) || self.full.load(Ordering::Relaxed) {
            shard.metrics.overloaded.increment(1);
            state.refusals.refused(now);
            return Err(ShardError::Overloaded(state.id));
        }
        if let Err(error) = self.admit_growth(origin) {
            if origin == Origin::Worker {
                state.refusals.refused(now);
            }
            return Err(error);
        }
        let owed = if origin == Origin::Cell && self.admit_growth(Origin::Worker).is_err() {
            // Judging deadlines anew is work: not more often than it makes a difference.
            state.refusals.go_on(now) && refusals::is_long(state.grace.since, now)
        } else {
            state.refusals.over()
        };
        if owed {
            state.grace = self.config.grace_from(now);
        }
        Ok(())
    }

    /// Notes a call that the shard cannot take in, for the store is away, or memory has no room for workers.
    fn note_refusal(&self, shard: &Shard, origin: Origin, error: &ShardError) {
        let refused = match error {
            ShardError::Store(StoreError::Unavailable(_)) => true,
            ShardError::NoMemory => origin == Origin::Worker,
            _ => false,
        };
        if refused {
            let mut state = shard.state.lock();
            let now = state.advance(self.wall.look());
            state.refusals.refused(now);
        }
    }

    /// Whether as much waits to be written as may.
    fn is_too_far_behind(&self, state: &ShardState) -> bool {
        state.log.open.bytes() + state.log.in_flight_bytes > self.config.batch_bytes
    }

    /// Tells the committer that a shard has something to write.
    pub(crate) fn wrote(&self, shard: &Shard, state: &ShardState) {
        self.to_write(shard, state);
        self.dirty.notify_one();
    }

    /// As `wrote`, of what nobody waits for: it goes along with what is written next, by any shard.
    fn wrote_unhurried(&self, shard: &Shard, state: &ShardState) {
        self.to_write(shard, state);
        self.unhurried.notify_one();
    }

    fn to_write(&self, shard: &Shard, state: &ShardState) {
        shard.pending.store(true, Ordering::Release);
        let first = state.due.first_wake();
        if first.is_some_and(|at| at < shard.sleeps_until.load(Ordering::Relaxed)) {
            shard.wake_changed.notify_one();
        }
    }

    pub(crate) async fn released(
        &self,
        shard: &Shard,
        wait: Option<oneshot::Receiver<()>>,
    ) -> Result<(), ShardError> {
        match wait {
            Some(durable) => {
                // It may be a record that nobody has waited for so far.
                self.dirty.notify_one();
                durable.await.map_err(|_| ShardError::NotOwner(shard.id))
            }
            None => Ok(()),
        }
    }

    /// Answers that end something for their caller leave only from the owner: one epoch read a tick. `epoch` is the one
    /// in which the answer was found: a later one of ours says nothing of what others did in between.
    pub(crate) async fn confirm_ownership(&self, shard: &Shard, epoch: Epoch) -> Result<(), ShardError> {
        let stored = self.epochs.get(shard.id).await.map_err(StoreError::Unavailable)?;
        if stored == epoch { Ok(()) } else { Err(ShardError::NotOwner(shard.id)) }
    }

    /// A seed that no other command gets.
    pub(crate) fn draw(&self) -> u128 {
        let n = u128::from(self.drawn.fetch_add(1, Ordering::Relaxed));
        self.seed ^ n.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
    }

    /// Stops serving: writes what is open, takes a last checkpoint, ends every task.
    pub async fn shutdown(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        self.flush().await;
        tokio::select! {
            biased;
            () = self.last_checkpoints() => {}
            // Somebody may come late: a checkpoint waits for what it shows to be durable.
            () = self.commit_on() => {}
        }
    }

    async fn last_checkpoints(&self) {
        for shard in &self.shards {
            if let Err(error) = self.checkpoint(shard).await {
                tracing::warn!(shard = shard.id.0, %error, "no checkpoint at shutdown; the next start replays more");
            }
            shard.state.lock().lose();
        }
    }
}

/// Mixed into what ids are drawn from: a later owner with the same seed draws others.
fn of_epoch(epoch: Epoch) -> u128 {
    u128::from(epoch.0).wrapping_mul(0xd6e8_feb8_6659_fd93_a5a3_5645_12c6_9d1b)
}

/// A look at an entity failed; nothing changed.
fn unreadable(target: &impl Address, panic: &str) -> ShardError {
    tracing::error!(id = %target.id(), panic, "panic while reading; nothing changed");
    ShardError::Panicked
}
