//! Where the polls of each worker wait, so that a worker that shuts down costs a look at those alone.

use std::{
    collections::BTreeMap,
    sync::{Arc, Weak},
};

use parking_lot::Mutex;
use uuid::Uuid;

use crate::partition::Partition;

/// Partitions in which a poll of a worker waits, by their numbers, each with how many do.
type Places = BTreeMap<u64, (Weak<Partition>, usize)>;

/// Parked polls that say whose they are.
#[derive(Default)]
pub(crate) struct Workers {
    by_instance: Mutex<BTreeMap<(Uuid, Arc<str>), Places>>,
}

impl Workers {
    /// Notes that a poll of this worker waits there, until the answer is dropped.
    pub(crate) fn wait(self: &Arc<Self>, instance_key: &Arc<str>, partition: &Arc<Partition>) -> Waits {
        let worker = (partition.key.namespace_id, Arc::clone(instance_key));
        let mut by_instance = self.by_instance.lock();
        let places = by_instance.entry(worker.clone()).or_default();
        places.entry(partition.number).or_insert_with(|| (Arc::downgrade(partition), 0)).1 += 1;
        Waits { workers: Arc::clone(self), worker, number: partition.number }
    }

    /// Where the polls of this worker wait.
    pub(crate) fn places(&self, namespace_id: Uuid, instance_key: &Arc<str>) -> Vec<Arc<Partition>> {
        let by_instance = self.by_instance.lock();
        let places = by_instance.get(&(namespace_id, Arc::clone(instance_key)));
        places.into_iter().flat_map(|places| places.values()).filter_map(|(at, _)| at.upgrade()).collect()
    }
}

/// A poll that waits somewhere.
pub(crate) struct Waits {
    workers: Arc<Workers>,
    worker: (Uuid, Arc<str>),
    number: u64,
}

impl std::fmt::Debug for Waits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Waits").field("worker", &self.worker).finish_non_exhaustive()
    }
}

impl Drop for Waits {
    fn drop(&mut self) {
        let mut by_instance = self.workers.by_instance.lock();
        let Some(places) = by_instance.get_mut(&self.worker) else { return };
        if let Some((_, polls)) = places.get_mut(&self.number) {
            *polls -= 1;
            if *polls == 0 {
                places.remove(&self.number);
            }
        }
        if places.is_empty() {
            by_instance.remove(&self.worker);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Matching, MatchingConfig, Poller, TaskQueueKey, TaskType};
    use std::{sync::mpsc, thread, time::Duration};

    const NAMESPACE: Uuid = Uuid::from_u128(1);

    fn poller(instance: &str) -> Poller {
        Poller { instance_key: Some(instance.into()), ..Poller::new("same") }
    }

    #[tokio::test]
    async fn a_worker_that_shuts_down_looks_at_no_partition_where_none_of_its_polls_waits() {
        let matching = Matching::new(MatchingConfig::default());
        let key = |name: &str| TaskQueueKey::normal(NAMESPACE, name, TaskType::Workflow);
        let mut polls: Vec<_> = [("busy", "other"), ("mine", "a"), ("mine", "a")]
            .into_iter()
            .map(|(queue, instance)| Box::pin(matching.poll(&key(queue), poller(instance))))
            .collect();
        for poll in &mut polls {
            assert!(futures::poll!(poll).is_pending());
        }
        let partitions = matching.partitions();
        let busy = partitions.iter().find(|partition| &*partition.key.name == "busy").expect("loaded");
        let held = busy.lock();
        let (answer, answered) = mpsc::channel();
        let asked = Arc::clone(&matching);
        let asking = thread::Builder::new()
            .spawn(move || answer.send(asked.end_worker_polls(NAMESPACE, &"a".into())))
            .expect("a thread");
        assert_eq!(answered.recv_timeout(Duration::from_secs(30)), Ok(2));
        drop(held);
        asking.join().expect("no panic").expect("heard");
        drop(polls);
        assert!(matching.shared.workers.by_instance.lock().is_empty(), "nobody waits any more");
    }
}
