//! The one background task: forgets what is past its time, unloads idle partitions, sets gauges.

use std::{
    future::Future,
    sync::{Arc, Weak},
};

use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::{key::TaskType, matching::Matching};

impl Matching {
    /// Sweeps at the configured interval until the last other handle to this value is dropped. `clock` is the
    /// wall clock in Unix milliseconds.
    pub fn run_janitor(
        self: &Arc<Self>,
        clock: impl Fn() -> i64 + Send + 'static,
    ) -> impl Future<Output = ()> + Send + 'static {
        let every = self.shared.config.sweep_interval;
        let matching: Weak<Self> = Arc::downgrade(self);
        async move {
            let mut ticks = interval(every);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                let Some(matching) = matching.upgrade() else { return };
                matching.sweep(clock());
            }
        }
    }

    /// One sweep: prunes old poller records and retired workers, has shards asked again that could not write, unloads
    /// idle partitions and sets the gauges. `now_ms` is the wall clock in Unix milliseconds.
    pub fn sweep(&self, now_ms: i64) {
        let now = Instant::now();
        self.shared.retired.prune(now, self.shared.config.retired_ttl);
        let mut totals = [Totals::default(), Totals::default()];
        let mut idle = Vec::new();
        for partition in self.partitions() {
            let swept = partition.sweep(now);
            let total = &mut totals[usize::from(partition.key.task_type == TaskType::Activity)];
            total.loaded += 1;
            total.backlog += swept.backlog;
            total.oldest_ms = total.oldest_ms.min(swept.oldest_ms.unwrap_or(i64::MAX));
            if swept.idle {
                idle.push(partition.key.clone());
            }
        }
        for key in idle {
            self.unload_if_idle(&key, now);
        }
        for (task_type, total) in [TaskType::Workflow, TaskType::Activity].into_iter().zip(totals) {
            let meters = self.shared.meters.of(task_type);
            meters.loaded.set(total.loaded as f64);
            meters.backlog_count.set(total.backlog as f64);
            meters.backlog_age.set(now_ms.saturating_sub(total.oldest_ms).max(0) as f64 / 1_000.0);
        }
    }
}

struct Totals {
    loaded: usize,
    backlog: usize,
    oldest_ms: i64,
}

impl Default for Totals {
    fn default() -> Self {
        Self { loaded: 0, backlog: 0, oldest_ms: i64::MAX }
    }
}
