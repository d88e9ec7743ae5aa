//! Who polled a partition of late.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use parking_lot::Mutex;
use tokio::time::Instant;
use uuid::Uuid;

use crate::{config::MatchingConfig, poll::Poller};

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

/// What a poller takes beside its identity.
const POLLER_BYTES: usize = 96;

/// Who is remembered by all partitions.
#[derive(Debug, Default)]
pub(crate) struct PollerCounts {
    bytes: AtomicUsize,
    /// Pollers of namespaces that have any.
    namespaces: Mutex<BTreeMap<Uuid, usize>>,
}

impl PollerCounts {
    /// Bytes of all.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Takes one more in, unless its namespace has so many.
    fn enter(&self, namespace_id: Uuid, bytes: usize, limit: usize) -> bool {
        let mut namespaces = self.namespaces.lock();
        let count = namespaces.entry(namespace_id).or_default();
        let fits = *count < limit;
        if fits {
            *count += 1;
            self.bytes.fetch_add(bytes, Ordering::Relaxed);
        } else if *count == 0 {
            namespaces.remove(&namespace_id);
        }
        fits
    }

    fn leave(&self, namespace_id: Uuid, pollers: usize, bytes: usize) {
        if pollers == 0 {
            return;
        }
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
        let mut namespaces = self.namespaces.lock();
        if let Some(count) = namespaces.get_mut(&namespace_id) {
            *count -= pollers;
            if *count == 0 {
                namespaces.remove(&namespace_id);
            }
        }
    }
}

/// Pollers by identity, each with when it was last seen.
#[derive(Debug)]
pub(crate) struct PollerHistory {
    by_identity: BTreeMap<Arc<str>, Seen>,
    bytes: usize,
    namespace_id: Uuid,
    counts: Arc<PollerCounts>,
}

impl PollerHistory {
    /// One of a partition of this namespace.
    pub(crate) fn counted(namespace_id: Uuid, counts: Arc<PollerCounts>) -> Self {
        Self { by_identity: BTreeMap::new(), bytes: 0, namespace_id, counts }
    }

    /// Notes that a poller is here. At a limit, whoever was seen longest ago makes room.
    pub(crate) fn note(&mut self, poller: &Poller, now: Instant, config: &MatchingConfig) {
        if let Some(seen) = self.by_identity.get_mut(&poller.identity) {
            seen.at = now;
            seen.rate_per_second = poller.rate_per_second;
            return;
        }
        let bytes = bytes(&poller.identity);
        while self.by_identity.len() >= config.poller_history_limit
            || self.bytes + bytes > config.poller_history_bytes
        {
            if !self.forget_oldest() {
                return;
            }
        }
        while !self.counts.enter(self.namespace_id, bytes, config.namespace_pollers) {
            if !self.forget_oldest() {
                return;
            }
        }
        self.bytes += bytes;
        let seen = Seen { at: now, rate_per_second: poller.rate_per_second };
        self.by_identity.insert(poller.identity.clone(), seen);
    }

    fn forget_oldest(&mut self) -> bool {
        let oldest = self.by_identity.iter().min_by_key(|(_, seen)| seen.at);
        let Some(identity) = oldest.map(|(identity, _)| Arc::clone(identity)) else { return false };
        self.forget(&identity);
        true
    }

    /// Notes again a poller that stayed until its poll ended.
    pub(crate) fn touch(&mut self, identity: &Arc<str>, now: Instant) {
        if let Some(seen) = self.by_identity.get_mut(identity) {
            seen.at = now;
        }
    }

    /// Forgets whom nobody saw for `ttl`.
    pub(crate) fn prune(&mut self, now: Instant, ttl: Duration) {
        let (before, mut gone) = (self.by_identity.len(), 0);
        self.by_identity.retain(|identity, seen| {
            let stays = now.saturating_duration_since(seen.at) < ttl;
            gone += if stays { 0 } else { bytes(identity) };
            stays
        });
        self.bytes -= gone;
        self.counts.leave(self.namespace_id, before - self.by_identity.len(), gone);
    }

    /// Forgets one identity: its worker has shut down.
    pub(crate) fn forget(&mut self, identity: &str) {
        if self.by_identity.remove(identity).is_some() {
            self.bytes -= bytes(identity);
            self.counts.leave(self.namespace_id, 1, bytes(identity));
        }
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

impl Drop for PollerHistory {
    fn drop(&mut self) {
        self.counts.leave(self.namespace_id, self.by_identity.len(), self.bytes);
    }
}

fn bytes(identity: &str) -> usize {
    POLLER_BYTES + identity.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMESPACE: Uuid = Uuid::from_u128(1);

    fn names(list: Vec<PollerInfo>) -> Vec<String> {
        list.into_iter().map(|info| info.identity.to_string()).collect()
    }

    #[test]
    fn the_list_is_bounded_and_ages() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let ttl = Duration::from_secs(300);
        let config = MatchingConfig { poller_history_limit: 2, ..Default::default() };
        let mut history = PollerHistory::counted(NAMESPACE, Arc::default());
        for (second, identity) in [(0, "a"), (1, "b"), (2, "a"), (3, "c")] {
            history.note(&Poller::new(identity), at(second), &config);
        }
        assert_eq!(names(history.list(at(4), 0, ttl)), ["c", "a"]);
        assert_eq!(history.list(at(4), 10_000, ttl)[1].last_access_ms, 8_000);
        assert_eq!(names(history.list(at(302), 0, ttl)), ["c"]);
        history.touch(&"a".into(), at(10));
        history.prune(at(304), ttl);
        assert_eq!(names(history.list(at(304), 0, ttl)), ["a"]);
        history.forget("a");
        assert!(history.list(at(304), 0, ttl).is_empty());
    }

    #[test]
    fn long_identities_make_room_for_each_other_and_all_are_counted() {
        let start = Instant::now();
        let counts: Arc<PollerCounts> = Arc::default();
        let config = MatchingConfig { poller_history_bytes: 10_000, ..Default::default() };
        let mut history = PollerHistory::counted(NAMESPACE, Arc::clone(&counts));
        for n in 0..100 {
            let identity = format!("{n:0>1000}");
            history.note(&Poller::new(identity), start + Duration::from_secs(n), &config);
        }
        let ttl = Duration::from_secs(300);
        let known = names(history.list(start + Duration::from_secs(100), 0, ttl));
        assert_eq!((known.len(), &*known[0]), (9, &*format!("{:0>1000}", 99)));
        assert_eq!(counts.bytes(), 9 * (1_000 + POLLER_BYTES));
        history.note(&Poller::new("x".repeat(10_000)), start, &config);
        assert_eq!(counts.bytes(), 0, "one that cannot fit leaves none");
        history.note(&Poller::new("a"), start, &config);
        drop(history);
        assert_eq!(counts.bytes(), 0);
        assert!(counts.namespaces.lock().is_empty());
    }

    #[test]
    fn the_partitions_of_a_namespace_remember_so_many_together() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let ttl = Duration::from_secs(300);
        let counts: Arc<PollerCounts> = Arc::default();
        let config = MatchingConfig { namespace_pollers: 3, ..Default::default() };
        let of = |namespace| PollerHistory::counted(namespace, Arc::clone(&counts));
        let (mut one, mut two, mut other) = (of(NAMESPACE), of(NAMESPACE), of(Uuid::from_u128(2)));
        for (second, identity) in [(0, "a"), (1, "b"), (2, "c"), (3, "d")] {
            one.note(&Poller::new(identity), at(second), &config);
        }
        assert_eq!(names(one.list(at(4), 0, ttl)), ["d", "c", "b"]);
        two.note(&Poller::new("e"), at(4), &config);
        assert_eq!(names(two.list(at(4), 0, ttl)), [""; 0], "no place is left");
        other.note(&Poller::new("f"), at(4), &config);
        assert_eq!(names(other.list(at(4), 0, ttl)), ["f"]);
        one.prune(at(302), ttl);
        two.note(&Poller::new("e"), at(302), &config);
        assert_eq!(names(two.list(at(302), 0, ttl)), ["e"]);
    }
}
