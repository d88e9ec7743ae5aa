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
    workers: Mutex<BTreeMap<(Uuid, Arc<str>), Instant>>,
}

impl Retired {
    pub(crate) fn add(&self, namespace_id: Uuid, instance_key: Arc<str>, now: Instant, limit: usize) {
        let mut workers = self.workers.lock();
        if workers.len() >= limit {
            let oldest = workers.iter().min_by_key(|(_, at)| **at).map(|(worker, _)| worker.clone());
            if let Some(oldest) = oldest {
                workers.remove(&oldest);
            }
        }
        workers.insert((namespace_id, instance_key), now);
        self.count.store(workers.len(), Ordering::Release);
    }

    pub(crate) fn contains(&self, namespace_id: Uuid, instance_key: &Arc<str>) -> bool {
        self.count.load(Ordering::Acquire) > 0
            && self.workers.lock().contains_key(&(namespace_id, instance_key.clone()))
    }

    pub(crate) fn prune(&self, now: Instant, ttl: Duration) {
        let mut workers = self.workers.lock();
        workers.retain(|_, at| now.saturating_duration_since(*at) < ttl);
        self.count.store(workers.len(), Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_are_remembered_for_a_while_and_up_to_a_limit() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let namespace = Uuid::from_u128(1);
        let retired = Retired::default();
        for (second, key) in [(0, "a"), (1, "b"), (2, "c")] {
            retired.add(namespace, key.into(), at(second), 2);
        }
        assert!(!retired.contains(namespace, &"a".into()));
        assert!(retired.contains(namespace, &"b".into()));
        assert!(!retired.contains(Uuid::nil(), &"b".into()));
        retired.prune(at(61), Duration::from_secs(60));
        assert!(!retired.contains(namespace, &"b".into()));
        assert!(retired.contains(namespace, &"c".into()));
    }
}
