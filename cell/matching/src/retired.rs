//! Workers that said they shut down.

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

/// Instance keys of workers that shut down, so that a poll which was still on its way when the worker said so
/// ends at once instead of holding the worker's exit up for a whole long poll.
#[derive(Debug, Default)]
pub(crate) struct Retired {
    /// Lets polls skip the lock while nobody is retired, which is nearly always.
    count: AtomicUsize,
    namespaces: Mutex<BTreeMap<Uuid, Workers>>,
}

/// Those of one namespace, by key and in the order in which they said so: adding and forgetting one costs no look at
/// the rest.
#[derive(Debug, Default)]
struct Workers {
    places: BTreeMap<Arc<str>, u64>,
    in_order: BTreeMap<u64, (Instant, Arc<str>)>,
    next_place: u64,
}

impl Retired {
    /// Notes a worker. Where its namespace has `limit` of them, the oldest is forgotten.
    pub(crate) fn add(&self, namespace_id: Uuid, instance_key: Arc<str>, now: Instant, limit: usize) {
        let mut namespaces = self.namespaces.lock();
        let workers = namespaces.entry(namespace_id).or_default();
        let before = workers.places.len();
        workers.add(instance_key, now);
        if workers.places.len() > limit {
            workers.forget_oldest();
        }
        let after = workers.places.len();
        self.count.fetch_add(after - before, Ordering::Release);
    }

    pub(crate) fn contains(&self, namespace_id: Uuid, instance_key: &Arc<str>) -> bool {
        self.count.load(Ordering::Acquire) > 0
            && self
                .namespaces
                .lock()
                .get(&namespace_id)
                .is_some_and(|it| it.places.contains_key(instance_key))
    }

    pub(crate) fn prune(&self, now: Instant, ttl: Duration) {
        let mut namespaces = self.namespaces.lock();
        namespaces.retain(|_, workers| {
            while workers.oldest().is_some_and(|at| now.saturating_duration_since(at) >= ttl) {
                workers.forget_oldest();
            }
            !workers.places.is_empty()
        });
        self.count.store(namespaces.values().map(|workers| workers.places.len()).sum(), Ordering::Release);
    }
}

impl Workers {
    fn add(&mut self, instance_key: Arc<str>, now: Instant) {
        let place = self.next_place;
        self.next_place += 1;
        if let Some(before) = self.places.insert(Arc::clone(&instance_key), place) {
            self.in_order.remove(&before);
        }
        self.in_order.insert(place, (now, instance_key));
    }

    /// When the first of them said so.
    fn oldest(&self) -> Option<Instant> {
        self.in_order.first_key_value().map(|(_, (at, _))| *at)
    }

    fn forget_oldest(&mut self) {
        if let Some((_, (_, instance_key))) = self.in_order.pop_first() {
            self.places.remove(&instance_key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMESPACE: Uuid = Uuid::from_u128(1);

    fn at(start: Instant, seconds: u64) -> Instant {
        start + Duration::from_secs(seconds)
    }

    #[test]
    fn workers_are_remembered_for_a_while_and_up_to_a_limit() {
        let start = Instant::now();
        let retired = Retired::default();
        for (second, key) in [(0, "a"), (1, "b"), (2, "c")] {
            retired.add(NAMESPACE, key.into(), at(start, second), 2);
        }
        assert!(!retired.contains(NAMESPACE, &"a".into()));
        assert!(retired.contains(NAMESPACE, &"b".into()));
        assert!(!retired.contains(Uuid::nil(), &"b".into()));
        retired.prune(at(start, 61), Duration::from_secs(60));
        assert!(!retired.contains(NAMESPACE, &"b".into()));
        assert!(retired.contains(NAMESPACE, &"c".into()));
        retired.prune(at(start, 62), Duration::from_secs(60));
        assert!(!retired.contains(NAMESPACE, &"c".into()));
        assert!(retired.namespaces.lock().is_empty(), "a namespace without any takes no memory");
    }

    #[test]
    fn who_says_so_again_is_remembered_from_then_on() {
        let start = Instant::now();
        let retired = Retired::default();
        for (second, key) in [(0, "a"), (1, "b"), (2, "a"), (3, "c")] {
            retired.add(NAMESPACE, key.into(), at(start, second), 2);
        }
        let known = |key: &str| retired.contains(NAMESPACE, &key.into());
        assert_eq!(["a", "b", "c"].map(known), [true, false, true], "b is the oldest");
        retired.prune(at(start, 61), Duration::from_secs(60));
        assert_eq!(["a", "c"].map(known), [true, true]);
    }

    #[test]
    fn one_namespaces_workers_cost_no_other_its_own() {
        let start = Instant::now();
        let (retired, other) = (Retired::default(), Uuid::from_u128(2));
        retired.add(other, "kept".into(), start, 1_000);
        for worker in 0..10_001 {
            retired.add(NAMESPACE, worker.to_string().into(), at(start, worker), 1_000);
        }
        assert!(retired.contains(other, &"kept".into()));
        let known = (0..10_001).filter(|worker| retired.contains(NAMESPACE, &worker.to_string().into()));
        assert_eq!(known.collect::<Vec<_>>(), (9_001..10_001).collect::<Vec<_>>());
        assert_eq!(retired.count.load(Ordering::Acquire), 1_001);
    }
}
