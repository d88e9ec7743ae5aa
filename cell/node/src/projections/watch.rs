//! How much waits for projections' sinks, for health and metrics: in the outbox, and in memory where no checkpoint has
//! come.

use super::config::ProjectionConfig;
use cell_shard::{Clock, ShardRuntime};
use cell_store::OutboxSize;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// A look takes no more than this part of the time.
const SHARE_OF_TIME: u32 = 100;

/// What waits of one projection, in all shards together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Waiting {
    /// In the outbox.
    rows: u64,
    bytes: u64,
    /// The oldest, wherever it waits.
    since_ms: i64,
}

/// Looks at what waits from time to time. A cell whose outbox is too large or too old is unhealthy and goes on serving.
pub(crate) struct OutboxWatch {
    shards: Arc<ShardRuntime>,
    clock: Arc<dyn Clock>,
    config: ProjectionConfig,
    problems: Mutex<Vec<String>>,
    /// Projections that had something there once.
    seen: Mutex<BTreeMap<String, Waiting>>,
}

impl OutboxWatch {
    pub(crate) fn new(
        shards: Arc<ShardRuntime>,
        clock: Arc<dyn Clock>,
        config: ProjectionConfig,
    ) -> Arc<Self> {
        Arc::new(Self { shards, clock, config, problems: Mutex::default(), seen: Mutex::default() })
    }

    /// What an operator has to know, as of the last look.
    pub(crate) fn problems(&self) -> Vec<String> {
        self.problems.lock().clone()
    }

    /// Looks until `stop`.
    pub(crate) async fn run(self: Arc<Self>, stop: CancellationToken) {
        let mut pause = self.config.outbox_look;
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
            let began = tokio::time::Instant::now();
            self.look().await;
            pause = self.config.outbox_look.max(began.elapsed() * SHARE_OF_TIME);
        }
    }

    /// Looks once.
    pub(crate) async fn look(&self) {
        let sizes = match self.shards.outbox_sizes().await {
            Ok(sizes) => sizes,
            // The store's own trouble is told elsewhere; what was seen last holds.
            Err(error) => return tracing::warn!(%error, "the outbox cannot be looked at"),
        };
        let now_ms = self.clock.now().millis();
        let mut problems = Vec::new();
        let waiting = self.all_that_were_seen(&sizes, &self.shards.oldest_unconfirmed(), now_ms);
        for (projection, waiting) in waiting {
            let age = now_ms.saturating_sub(waiting.since_ms);
            let age = Duration::from_millis(u64::try_from(age).unwrap_or(0));
            metrics::gauge!("atoll_outbox_rows", "projection" => projection.clone()).set(waiting.rows as f64);
            metrics::gauge!("atoll_outbox_bytes", "projection" => projection.clone())
                .set(waiting.bytes as f64);
            metrics::gauge!("atoll_outbox_age_seconds", "projection" => projection.clone())
                .set(age.as_secs_f64());
            if waiting.bytes > self.config.outbox_alarm_bytes || age > self.config.outbox_alarm_age {
                let Waiting { rows, bytes, .. } = waiting;
                let old = age.as_secs();
                problems.push(format!(
                    "items of {projection} wait, the oldest for {old} s, {rows} of them, {bytes} bytes, in the outbox: \
                     its sink does not take them"
                ));
            }
        }
        let before = std::mem::replace(&mut *self.problems.lock(), problems.clone());
        if before.is_empty() {
            problems.iter().for_each(|problem| tracing::error!(problem, "a projection is far behind"));
        }
    }
}

impl OutboxWatch {
    /// What waits, by projection; nothing of those that had something there before.
    fn all_that_were_seen(
        &self,
        sizes: &[OutboxSize],
        oldest: &[(&str, i64)],
        now_ms: i64,
    ) -> BTreeMap<String, Waiting> {
        let nothing = Waiting { rows: 0, bytes: 0, since_ms: now_ms };
        let mut seen = self.seen.lock();
        seen.values_mut().for_each(|waiting| *waiting = nothing);
        for (projection, since_ms) in oldest {
            let waiting = seen.entry((*projection).to_owned()).or_insert(nothing);
            waiting.since_ms = waiting.since_ms.min(*since_ms);
        }
        for size in sizes {
            let sum = seen.entry(size.projection.clone()).or_insert(nothing);
            sum.rows += size.rows;
            sum.bytes += size.bytes;
            sum.since_ms = sum.since_ms.min(size.since_ms);
        }
        seen.clone()
    }
}
