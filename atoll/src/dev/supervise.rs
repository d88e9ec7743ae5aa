//! Keeps children running: starts one again, with growing pauses, when it dies.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::bail;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::child::{self, ChildSpec, Ended};

/// Pauses before a child that died is started again.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Backoff {
    /// Before the first time; each further one is twice as long.
    pub(crate) first: Duration,
    /// Longest pause.
    pub(crate) longest: Duration,
    /// A child that ran this long begins with the first pause again.
    pub(crate) forgive_after: Duration,
}

impl Backoff {
    fn pause(&self, deaths: u32) -> Duration {
        self.first.saturating_mul(2_u32.saturating_pow(deaths)).min(self.longest)
    }
}

/// What a child is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum State {
    /// Started, or about to be started again; does not serve.
    Starting,
    /// Serves.
    Serving {
        /// Its process id.
        pid: u32,
    },
    /// Ended without ever having served, with what it said about that on standard error. Not started again.
    Refused {
        /// How it ended.
        reason: String,
    },
    /// Stopped as told.
    Stopped,
}

/// States by name.
pub(crate) type States = BTreeMap<String, State>;

/// Children that are kept running.
pub(crate) struct Supervisor {
    states: watch::Receiver<States>,
    children: Vec<Kept>,
}

struct Kept {
    name: String,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Supervisor {
    /// Starts all children, in a runtime that has only the main thread.
    pub(crate) fn start(specs: Vec<ChildSpec>, backoff: Backoff) -> Self {
        let starting = specs.iter().map(|spec| (spec.name.clone(), State::Starting)).collect();
        let (report, states) = watch::channel(starting);
        let children = specs
            .into_iter()
            .map(|spec| {
                let (name, stop) = (spec.name.clone(), CancellationToken::new());
                let task = tokio::spawn(keep(spec, backoff, stop.clone(), report.clone()));
                Kept { name, stop, task }
            })
            .collect();
        Self { states, children }
    }

    /// What the children are doing; changes with them.
    pub(crate) fn states(&self) -> watch::Receiver<States> {
        self.states.clone()
    }

    /// Waits until all children serve. Fails when one refuses to.
    pub(crate) async fn all_serving(&self) -> anyhow::Result<()> {
        let mut states = self.states();
        let decided = |states: &States| {
            states.values().all(|state| matches!(state, State::Serving { .. }))
                || states.values().any(|state| matches!(state, State::Refused { .. }))
        };
        let states = states.wait_for(decided).await?;
        for (name, state) in &*states {
            if let State::Refused { reason } = state {
                bail!("{name} did not start: {reason}");
            }
        }
        Ok(())
    }

    /// Stops the children that `group` chooses, all at once, and waits until they are gone.
    pub(crate) async fn stop(&mut self, group: impl Fn(&str) -> bool) {
        let (chosen, others) =
            std::mem::take(&mut self.children).into_iter().partition(|kept| group(&kept.name));
        self.children = others;
        let chosen: Vec<Kept> = chosen;
        for kept in &chosen {
            kept.stop.cancel();
        }
        for kept in chosen {
            if let Err(error) = kept.task.await {
                tracing::error!(child = kept.name, %error, "supervision failed");
            }
        }
    }
}

async fn keep(spec: ChildSpec, backoff: Backoff, stop: CancellationToken, report: watch::Sender<States>) {
    let set = |state| {
        report.send_modify(|states| {
            states.insert(spec.name.clone(), state);
        });
    };
    let mut has_served = false;
    let mut deaths = 0;
    loop {
        let started = Instant::now();
        let ended = child::run(&spec, &stop, |pid| {
            has_served = true;
            set(State::Serving { pid });
        });
        let reason = match ended.await {
            Ended::Stopped => return set(State::Stopped),
            Ended::NotStarted(error) if !has_served => {
                return set(State::Refused { reason: error.to_string() });
            }
            // By its own decision, having said why; not killed from outside.
            Ended::Died(status) if !has_served && status.code().is_some() => {
                return set(State::Refused { reason: status.to_string() });
            }
            Ended::NotStarted(error) => error.to_string(),
            Ended::Died(status) => status.to_string(),
        };
        if started.elapsed() >= backoff.forgive_after {
            deaths = 0;
        }
        let pause = backoff.pause(deaths);
        deaths += 1;
        tracing::warn!(child = spec.name, reason, ?pause, "died and is started again");
        set(State::Starting);
        tokio::select! {
            () = stop.cancelled() => return set(State::Stopped),
            () = tokio::time::sleep(pause) => {}
        }
    }
}

#[cfg(test)]
mod tests;
