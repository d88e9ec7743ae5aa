//! Who polled a partition of late.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokio::time::Instant;

use crate::poll::Poller;

/// One poller as DescribeTaskQueue shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct PollerInfo {
    /// The worker's identity string.
    pub identity: Arc<str>,
    /// When it was last seen, Unix milliseconds.
    pub last_access_ms: i64,
    /// The rate the worker asked for, tasks per second.
    pub rate_per_second: Option<f64>,
}

#[derive(Debug)]
struct Seen {
    at: Instant,
    rate_per_second: Option<f64>,
}

/// Pollers by identity, each with when it was last seen.
#[derive(Debug, Default)]
pub(crate) struct PollerHistory {
    by_identity: BTreeMap<Arc<str>, Seen>,
}

impl PollerHistory {
    /// Notes that a poller is here. At the limit, whoever was seen longest ago makes room.
    pub(crate) fn note(&mut self, poller: &Poller, now: Instant, limit: usize) {
        if let Some(seen) = self.by_identity.get_mut(&poller.identity) {
            seen.at = now;
            seen.rate_per_second = poller.rate_per_second;
            return;
        }
        if self.by_identity.len() >= limit {
            let oldest = self.by_identity.iter().min_by_key(|(_, seen)| seen.at);
            if let Some(identity) = oldest.map(|(identity, _)| identity.clone()) {
                self.by_identity.remove(&identity);
            }
        }
        let seen = Seen { at: now, rate_per_second: poller.rate_per_second };
        self.by_identity.insert(poller.identity.clone(), seen);
    }

    /// Notes again a poller that stayed until its poll ended.
    pub(crate) fn touch(&mut self, identity: &Arc<str>, now: Instant) {
        if let Some(seen) = self.by_identity.get_mut(identity) {
            seen.at = now;
        }
    }

    /// Forgets whom nobody saw for `ttl`.
    pub(crate) fn prune(&mut self, now: Instant, ttl: Duration) {
        self.by_identity.retain(|_, seen| now.saturating_duration_since(seen.at) < ttl);
    }

    /// Forgets one identity: its worker has shut down.
    pub(crate) fn forget(&mut self, identity: &str) {
        self.by_identity.remove(identity);
    }

    /// The pollers seen within `ttl`, the most recent first. `now_ms` is the wall clock at `now`.
    pub(crate) fn list(&self, now: Instant, now_ms: i64, ttl: Duration) -> Vec<PollerInfo> {
        let mut list: Vec<PollerInfo> = self
            .by_identity
            .iter()
            .map(|(identity, seen)| (identity, seen, now.saturating_duration_since(seen.at)))
            .filter(|(_, _, age)| *age < ttl)
            .map(|(identity, seen, age)| PollerInfo {
                identity: identity.clone(),
                last_access_ms: now_ms - age.as_millis() as i64,
                rate_per_second: seen.rate_per_second,
            })
            .collect();
        list.sort_by(|a, b| {
            b.last_access_ms.cmp(&a.last_access_ms).then_with(|| a.identity.cmp(&b.identity))
        });
        list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_bounded_and_ages() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let ttl = Duration::from_secs(300);
        let mut history = PollerHistory::default();
        for (second, identity) in [(0, "a"), (1, "b"), (2, "a"), (3, "c")] {
            history.note(&Poller::new(identity), at(second), 2);
        }
        let names = |list: Vec<PollerInfo>| {
            list.into_iter().map(|info| info.identity.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(names(history.list(at(4), 0, ttl)), ["c", "a"]);
        assert_eq!(history.list(at(4), 10_000, ttl)[1].last_access_ms, 8_000);
        assert_eq!(names(history.list(at(302), 0, ttl)), ["c"]);
        history.touch(&"a".into(), at(10));
        history.prune(at(304), ttl);
        assert_eq!(names(history.list(at(304), 0, ttl)), ["a"]);
        history.forget("a");
        assert!(history.list(at(304), 0, ttl).is_empty());
    }
}
