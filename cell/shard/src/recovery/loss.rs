//! Shards that this node does not serve (any more): why, and taking them back.
//!
//! Where something failed here (a panic in a loop, a projection, a store that refuses the log) the shard's memory goes
//! and the shard is taken over anew, as after a restart. Where the store is away the next attempt follows after a
//! second, however long that takes, but for one that failed behind its ownership record: each such attempt adds a row
//! to the log that is never trimmed, so it counts as a failure. What fails five times within ten minutes is tried once
//! a minute from then on, and health says so: a mistake that passes strands no shard until somebody starts the process
//! anew. What cannot be read is tried again after ten minutes: a disk that failed for a moment looks like a damaged
//! page, and so few attempts on a log that is damaged for good cost nothing. A shard that another owner took is not
//! taken back (`taken`), so that two owners never play ping-pong. One shard's trouble is none of the others'.
//!
//! A log that is shorter than this node knows it to be has lost acknowledged work (a backup was restored under the
//! cell, a failover lost its end), and so has a shard that lacks a checkpoint's slice: nothing that rests on its
//! positions holds any more, metering's watermarks included, so the whole cell stops. It goes on as a new incarnation
//! of the log (`renewal`), which an operator begins.

use super::failures::{DAMAGED_PAUSE, Failures, LIMIT, LONGEST_PAUSE};
use crate::error::ShardError;
use crate::memory::{Phase, Shard, ShardState};
use crate::quarantine::guard::panic_text;
use crate::runtime::ShardRuntime;
use cell_store::{ShardId, StoreError};
use futures::FutureExt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use tokio::time::Instant;

/// Why a shard is given up.
#[derive(Clone, Debug)]
pub(crate) enum Loss {
    /// Another owner took it.
    Superseded,
    /// Something failed here.
    Failed(String),
    /// What the store holds of it could not be read.
    Damaged(String),
    /// The whole cell stopped.
    Unusable(String),
}

/// What is known of a shard's troubles. Outlives the shard's memory.
#[derive(Default)]
pub(crate) struct Trouble {
    failures: Failures,
    /// Of the last failure.
    why: String,
    /// When the shard is to be taken over again; none where it is not to be.
    again_at: Option<Instant>,
    /// Checkpoints that failed since the last one that did not.
    checkpoints_failed: usize,
    /// What the last of them said.
    checkpoint_error: String,
}

impl Trouble {
    pub(crate) fn note(&mut self, loss: &Loss) {
        let now = Instant::now();
        self.checkpoints_failed = 0;
        (self.why, self.again_at) = match loss {
            Loss::Superseded => ("another owner took it".to_owned(), None),
            Loss::Unusable(why) => (why.clone(), None),
            Loss::Damaged(why) => (why.clone(), Some(now + DAMAGED_PAUSE)),
            Loss::Failed(why) => (why.clone(), Some(now + self.failures.note(now))),
        };
    }

    /// A takeover failed whose ownership record stands in the log.
    pub(crate) fn claimed_in_vain(&mut self) {
        self.failures.note(Instant::now());
    }

    /// Its shard is served. To be called with the lock of the shard's state held: a loss right behind is then noted
    /// after this, and not erased by it.
    pub(crate) fn is_over(&mut self) {
        (self.again_at, self.checkpoints_failed) = (None, 0);
    }

    /// Notes what became of a checkpoint. One whose shard was lost meanwhile says nothing.
    pub(crate) fn note_checkpoint(&mut self, done: &Result<(), ShardError>) {
        match done {
            Ok(()) => self.checkpoints_failed = 0,
            Err(ShardError::NotOwner(_)) => {}
            Err(error) => {
                self.checkpoints_failed += 1;
                self.checkpoint_error = error.to_string();
            }
        }
    }

    /// Whether the last checkpoint failed, so that the log before it stays.
    pub(crate) fn lacks_checkpoint(&self) -> bool {
        self.checkpoints_failed > 0
    }

    fn is_failing(&mut self) -> bool {
        self.failures.are_too_many(Instant::now()) || self.checkpoints_failed >= LIMIT
    }

    fn checkpoint_problem(&self, shard: ShardId, log_bytes: usize) -> Option<String> {
        self.lacks_checkpoint().then(|| {
            let (times, why) = (self.checkpoints_failed, &self.checkpoint_error);
            format!(
                "shard {shard} keeps {log_bytes} bytes of log, for its checkpoint failed {times} times: {why}"
            )
        })
    }

    fn problem(&mut self, shard: ShardId, phase: Phase) -> Option<String> {
        let recent = self.failures.recent(Instant::now());
        match phase {
            Phase::Serving if recent == 0 => None,
            Phase::Serving => {
                Some(format!("shard {shard} was given up {recent} times of late: {}", self.why))
            }
            Phase::TakingOver => Some(format!("shard {shard} is being taken over")),
            Phase::Lost if self.again_at.is_some() && recent >= LIMIT => Some(format!(
                "shard {shard} is not served, failed {recent} times of late and is tried every {} s only: {}",
                LONGEST_PAUSE.as_secs(),
                self.why
            )),
            Phase::Lost => Some(format!("shard {shard} is not served: {}", self.why)),
        }
    }
}

impl ShardRuntime {
    /// Gives a shard up: memory goes, everybody who waits is told. Takes it back where that makes sense.
    pub(crate) fn lose(&self, shard: &Shard, state: &mut ShardState, loss: &Loss) {
        if state.phase == Phase::Lost {
            return;
        }
        match loss {
            Loss::Superseded => {
                tracing::warn!(shard = shard.id.0, "another owner took the shard: giving it up")
            }
            Loss::Failed(why) | Loss::Damaged(why) | Loss::Unusable(why) => {
                tracing::error!(shard = shard.id.0, why, "the shard is given up");
            }
        }
        state.lose();
        self.end_projections(shard.id);
        shard.metrics.lost.increment(1);
        shard.trouble.lock().note(loss);
        self.lost.notify_one();
    }

    /// As `lose`, whatever the shard does at the moment.
    pub(crate) fn fail(&self, shard: &Shard, why: &str) {
        self.lose(shard, &mut shard.state.lock(), &Loss::Failed(why.to_owned()));
    }

    /// As `fail`, all shards of the node.
    pub(crate) fn fail_all(&self, why: &str) {
        self.shards.iter().for_each(|shard| self.fail(shard, why));
    }

    /// A shard is stored with less than this node knows to be durable: nothing is served any more.
    pub(crate) fn halt(&self, shard: ShardId) {
        let why = format!(
            "of shard {shard} less is stored than this cell has written: the end of it was lost; `atoll cell restored` \
             has the cell go on from what is stored"
        );
        tracing::error!(shard = shard.0, "the cell stops: {why}");
        // Another shard may have been the first.
        let _ = self.halted.set(why);
        let Some(why) = self.halted.get() else { return };
        for shard in &self.shards {
            self.lose(shard, &mut shard.state.lock(), &Loss::Unusable(why.clone()));
            shard.trouble.lock().note(&Loss::Unusable(why.clone()));
        }
    }

    /// Why nothing is served any more, if the cell stopped: its log lost acknowledged work.
    pub fn halted(&self) -> Option<&str> {
        self.halted.get().map(String::as_str)
    }

    /// Ends when the cell stops for that, and says why; it may never.
    pub async fn stopped(&self) -> &str {
        self.halted.wait().await
    }

    /// Whether everything runs that should: not stopped, no loop and no shard that fails again and again, a store that
    /// takes what is written, and no log that grows for an entity that is kept aside. Shards that are not served are
    /// counted by [`Self::serving`].
    pub fn is_well(&self) -> bool {
        let failing = |shard: &Arc<Shard>| {
            let holds_log = shard.state.lock().table.has_unkept();
            holds_log || shard.trouble.lock().is_failing()
        };
        let stuck = self.halted().is_some() || self.outage.lock().lasts(Instant::now());
        !stuck && !self.keeper.is_failing() && !self.shards.iter().any(failing)
    }

    /// What a person should know: a store that takes nothing, shards that are not served, loops and shards that failed
    /// of late, checkpoints that fail, rows that cannot be removed, log that cannot be let go of, clocks.
    pub fn problems(&self) -> Vec<String> {
        let mut problems: Vec<String> =
            self.halted().map(|why| format!("the cell stopped: {why}")).into_iter().collect();
        problems.extend(self.outage.lock().problem(Instant::now()));
        for shard in &self.shards {
            let (phase, log_bytes, rows) = {
                let state = shard.state.lock();
                let log_bytes = state.log.tail.bytes();
                let rows = [state.table.unremoved.problem(), state.table.unkept_problem(log_bytes)];
                (state.phase, log_bytes, rows)
            };
            let mut trouble = shard.trouble.lock();
            problems.extend(trouble.problem(shard.id, phase));
            problems
                .extend(trouble.checkpoint_problem(shard.id, log_bytes).filter(|_| phase == Phase::Serving));
            problems.extend(rows.into_iter().flatten().map(|what| format!("shard {}: {what}", shard.id)));
        }
        problems.extend(self.keeper.problems());
        if let Some(by) = self.wall.refused_jump() {
            let seconds = by / 1_000_000_000;
            problems
                .push(format!("the wall clock jumped by {seconds} s and is not followed until that lasts"));
        }
        problems
    }

    /// Takes back what was lost to failures, until the runtime stops.
    pub(crate) async fn retake_loop(self: Arc<Self>) {
        loop {
            let first = self.wanted().map(|(at, _)| at).min();
            let due = async {
                match first {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return,
                () = due => {}
                // Another one may be wanted earlier.
                () = self.lost.notified() => continue,
            }
            let now = Instant::now();
            let due: Vec<ShardId> = self.wanted().filter(|(at, _)| *at <= now).map(|(_, id)| id).collect();
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return,
                () = self.retake(&due) => {}
            }
        }
    }

    /// Shards that are to be taken over again, with when.
    fn wanted(&self) -> impl Iterator<Item = (Instant, ShardId)> + '_ {
        self.shards.iter().filter_map(|shard| Some((shard.trouble.lock().again_at?, shard.id)))
    }

    /// Takes shards over together; where that panics each by itself, and the panic is the trouble of the one that
    /// brings it.
    async fn retake(self: &Arc<Self>, ids: &[ShardId]) {
        if self.retake_together(ids).await.is_ok() {
            return;
        }
        let left: Vec<ShardId> = self.wanted().map(|(_, id)| id).filter(|id| ids.contains(id)).collect();
        for id in left {
            if ids.len() == 1 || self.retake_together(&[id]).await.is_err() {
                self.refuse(id, &ShardError::Panicked);
            }
        }
    }

    /// An error where something panicked on the way: those of them that are not served then are wanted still.
    async fn retake_together(self: &Arc<Self>, ids: &[ShardId]) -> Result<(), ShardError> {
        let take = async { self.acquire(&self.not_taken(ids).await).await };
        let taken = AssertUnwindSafe(take).catch_unwind().await;
        let taken = taken.map_err(|panic| {
            tracing::error!(panic = panic_text(&*panic), "panic while shards are taken over again");
            ShardError::Panicked
        })?;
        for (id, outcome) in taken {
            match outcome {
                Ok(()) => tracing::info!(shard = id.0, "the shard is served again"),
                Err(error) => self.refuse(id, &error),
            }
        }
        Ok(())
    }

    /// A shard could not be taken over.
    pub(crate) fn refuse(&self, id: ShardId, error: &ShardError) {
        let shard = &self.shards[id.0 as usize];
        let why = format!("not taken over: {error}");
        let loss = match error {
            // Nothing is wrong with the shard: the next attempt follows, however long that takes.
            ShardError::Store(StoreError::Unavailable(_) | StoreError::Full(_)) => {
                tracing::warn!(shard = id.0, %error, "shard not taken over yet");
                let (mut trouble, now) = (shard.trouble.lock(), Instant::now());
                (trouble.why, trouble.again_at) = (why, Some(now + trouble.failures.pause(now)));
                self.lost.notify_one();
                return;
            }
            ShardError::Store(StoreError::Corrupt(_)) => Loss::Damaged(why),
            ShardError::Store(StoreError::Unsafe(_)) => Loss::Unusable(why),
            _ => Loss::Failed(why),
        };
        tracing::error!(shard = id.0, %error, "shard not taken over");
        shard.state.lock().lose();
        self.end_projections(id);
        shard.trouble.lock().note(&loss);
        self.lost.notify_one();
    }
}
