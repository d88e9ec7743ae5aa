//! Queries that wait for a workflow task to carry them.

use atoll_api::temporal::api::query::v1::{WorkflowQuery, WorkflowQueryResult};
use parking_lot::Mutex;
use std::collections::{BTreeMap, HashMap};
use tokio::sync::oneshot;
use uuid::Uuid;

/// Queries that may wait for one run. More are refused: each has a client that waits.
const PER_RUN: usize = 100;

/// Queries of busy runs, by run. In memory only: a client whose query is lost asks again.
#[derive(Default)]
pub(crate) struct PendingQueries {
    runs: Mutex<HashMap<Uuid, BTreeMap<String, Pending>>>,
}

struct Pending {
    query: WorkflowQuery,
    answer: oneshot::Sender<WorkflowQueryResult>,
    /// A worker has answered and its task is being completed: the answer is on its way.
    answering: bool,
}

impl PendingQueries {
    /// Lets a query wait for the run's workflow task; `None` when too many do.
    pub(crate) fn add(
        &self,
        run_id: Uuid,
        id: &str,
        query: WorkflowQuery,
    ) -> Option<oneshot::Receiver<WorkflowQueryResult>> {
        let mut runs = self.runs.lock();
        let waiting = runs.entry(run_id).or_default();
        if waiting.len() >= PER_RUN {
            return None;
        }
        let (answer, receiver) = oneshot::channel();
        waiting.insert(id.to_owned(), Pending { query, answer, answering: false });
        Some(receiver)
    }

    /// Stops waiting; false when the answer is on its way after all.
    pub(crate) fn withdraw(&self, run_id: Uuid, id: &str) -> bool {
        let mut runs = self.runs.lock();
        let Some(waiting) = runs.get_mut(&run_id) else { return true };
        if waiting.get(id).is_some_and(|pending| pending.answering) {
            return false;
        }
        waiting.remove(id);
        if waiting.is_empty() {
            runs.remove(&run_id);
        }
        true
    }

    /// The queries that a workflow task of the run carries.
    pub(crate) fn carried(&self, run_id: Uuid) -> BTreeMap<String, WorkflowQuery> {
        let runs = self.runs.lock();
        let Some(waiting) = runs.get(&run_id) else { return BTreeMap::new() };
        let open = waiting.iter().filter(|(_, pending)| !pending.answer.is_closed());
        open.map(|(id, pending)| (id.clone(), pending.query.clone())).collect()
    }

    /// The worker has answered these: they are told once the task's completion is durable.
    pub(crate) fn answering(
        &self,
        run_id: Uuid,
        ids: impl Iterator<Item = impl AsRef<str>>,
        answering: bool,
    ) {
        if let Some(waiting) = self.runs.lock().get_mut(&run_id) {
            for id in ids {
                if let Some(pending) = waiting.get_mut(id.as_ref()) {
                    pending.answering = answering;
                }
            }
        }
    }

    /// Hands answers to those who wait for them.
    pub(crate) fn answer(&self, run_id: Uuid, results: BTreeMap<String, WorkflowQueryResult>) {
        let mut runs = self.runs.lock();
        let Some(waiting) = runs.get_mut(&run_id) else { return };
        for (id, result) in results {
            if let Some(pending) = waiting.remove(&id) {
                // Whoever went away does not want it any more.
                let _ = pending.answer.send(result);
            }
        }
        if waiting.is_empty() {
            runs.remove(&run_id);
        }
    }
}
