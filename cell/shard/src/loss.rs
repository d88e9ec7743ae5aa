//! Shards that this node does not serve (any more): why, and taking them back.
//!
//! Where something failed here (a panic in a loop, a projection, a store that refuses the log) the shard's memory goes
//! and the shard is taken over anew, as after a restart. What fails five times within ten minutes is left alone until
//! a person has looked. A shard that another owner took is not taken back, so that two owners never play ping-pong; nor
//! is one whose stored log is damaged. One shard's trouble is none of the others'.
//!
//! A log that is shorter than this node knows it to be has lost acknowledged work (a backup was restored under the cell,
//! a failover lost its end): nothing that rests on its positions holds any more, metering's watermarks included, so the
//! whole cell stops.

use crate::error::ShardError;
use crate::failures::{Failures, LIMIT};
use crate::runtime::ShardRuntime;
use crate::shard::Shard;
use crate::state::{Phase, ShardState};
use cell_store::{ShardId, StoreError};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Pause before shards are taken over again.
const PAUSE: Duration = Duration::from_secs(1);

/// Why a shard is given up.
#[derive(Clone, Debug)]
pub(crate) enum Loss {
    /// Another owner took it.
    Superseded,
    /// Something failed here.
    Failed(String),
    /// Its log cannot be used, or the whole cell stopped.
    Unusable(String),
}

/// What is known of a shard's troubles. Outlives the shard's memory.
#[derive(Default)]
pub(crate) struct Trouble {
    failures: Failures,
    /// Of the last failure.
    why: String,
    /// Whether the shard is to be taken over again.
    wanted: bool,
}

impl Trouble {
    fn note(&mut self, loss: &Loss) {
        (self.why, self.wanted) = match loss {
            Loss::Superseded => ("another owner took it".to_owned(), false),
            Loss::Unusable(why) => (why.clone(), false),
            Loss::Failed(why) if self.failures.note(Instant::now()) => (why.clone(), true),
            Loss::Failed(why) => (format!("left alone after {LIMIT} failures: {why}"), false),
        };
    }

    fn problem(&mut self, shard: ShardId, phase: Phase) -> Option<String> {
        let recent = self.failures.recent(Instant::now());
        match phase {
            Phase::Serving if recent == 0 => None,
            Phase::Serving => {
                Some(format!("shard {shard} was given up {recent} times of late: {}", self.why))
            }
            Phase::Recovering => Some(format!("shard {shard} is being taken over")),
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
            Loss::Failed(why) | Loss::Unusable(why) => {
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

    /// The log of a shard is shorter than this node knows it to be: nothing is served any more.
    pub(crate) fn halt(&self, shard: ShardId) {
        let why =
            format!("the log of shard {shard} is shorter than this cell has written it: its end was lost");
        tracing::error!(shard = shard.0, "{why}; the cell stops");
        let why = self.halted.get_or_init(|| why);
        for shard in &self.shards {
            self.lose(shard, &mut shard.state.lock(), &Loss::Unusable(why.clone()));
            shard.trouble.lock().note(&Loss::Unusable(why.clone()));
        }
    }

    /// Why nothing is served any more, if the cell stopped: its log lost acknowledged work.
    pub fn halted(&self) -> Option<&str> {
        self.halted.get().map(String::as_str)
    }

    /// Whether everything runs that should: not stopped, and no loop left alone. Shards that are not served are counted
    /// by [`Self::serving`].
    pub fn is_well(&self) -> bool {
        self.halted().is_none() && !self.keeper.has_given_up()
    }

    /// What a person should know: shards that are not served, loops and shards that failed of late, clocks.
    pub fn problems(&self) -> Vec<String> {
        let mut problems: Vec<String> =
            self.halted().map(|why| format!("the cell stopped: {why}")).into_iter().collect();
        problems.extend(self.shards.iter().filter_map(|shard| {
            let phase = shard.state.lock().phase;
            shard.trouble.lock().problem(shard.id, phase)
        }));
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
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return,
                () = self.lost.notified() => {}
            }
            loop {
                tokio::select! {
                    biased;
                    () = self.stop.cancelled() => return,
                    () = tokio::time::sleep(PAUSE) => {}
                }
                let wanted: Vec<ShardId> = self
                    .shards
                    .iter()
                    .filter(|shard| shard.trouble.lock().wanted)
                    .map(|shard| shard.id)
                    .collect();
                if wanted.is_empty() {
                    break;
                }
                tokio::select! {
                    biased;
                    () = self.stop.cancelled() => return,
                    () = self.retake(&wanted) => {}
                }
            }
        }
    }

    async fn retake(self: &Arc<Self>, ids: &[ShardId]) {
        for (id, outcome) in self.acquire(ids).await {
            match outcome {
                Ok(()) => tracing::info!(shard = id.0, "the shard is served again"),
                Err(error) => self.refuse(id, &error),
            }
        }
    }

    /// A shard could not be taken over.
    pub(crate) fn refuse(&self, id: ShardId, error: &ShardError) {
        let shard = &self.shards[id.0 as usize];
        let why = format!("not taken over: {error}");
        let loss = match error {
            // Nothing is wrong with the shard: the next attempt follows, however long that takes.
            ShardError::Store(StoreError::Unavailable(_) | StoreError::Full(_)) => {
                tracing::warn!(shard = id.0, %error, "shard not taken over yet");
                let mut trouble = shard.trouble.lock();
                (trouble.why, trouble.wanted) = (why, true);
                self.lost.notify_one();
                return;
            }
            ShardError::Store(StoreError::Corrupt(_) | StoreError::Unsafe(_)) => Loss::Unusable(why),
            _ => Loss::Failed(why),
        };
        tracing::error!(shard = id.0, %error, "shard not taken over");
        shard.state.lock().lose();
        self.end_projections(id);
        shard.trouble.lock().note(&loss);
        self.lost.notify_one();
    }

    /// A shard is served.
    pub(crate) fn served(&self, shard: &Shard) {
        shard.trouble.lock().wanted = false;
    }
}
