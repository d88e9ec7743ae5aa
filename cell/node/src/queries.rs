//! Queries that wait for a workflow task to carry them.

use atoll_api::temporal::api::query::v1::{WorkflowQuery, WorkflowQueryResult};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use tokio::sync::oneshot;
use uuid::Uuid;

/// Queries that may wait for one run. More are refused: each has a client that waits.
const PER_RUN: usize = 100;

/// Queries of busy runs, by run. In memory only: a client whose query is lost asks again.
#[derive(Default)]
pub(crate) struct PendingQueries {
    runs: Mutex<BTreeMap<Uuid, BTreeMap<String, Pending>>>,
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

    /// Nobody waits any more.
    pub(crate) fn forget(&self, run_id: Uuid, id: &str) {
        let mut runs = self.runs.lock();
        let Some(waiting) = runs.get_mut(&run_id) else { return };
        waiting.remove(id);
        if waiting.is_empty() {
            runs.remove(&run_id);
        }
    }

    /// The queries that a workflow task of the run carries.
    pub(crate) fn carried(&self, run_id: Uuid) -> BTreeMap<String, WorkflowQuery> {
        let runs = self.runs.lock();
        let Some(waiting) = runs.get(&run_id) else { return BTreeMap::new() };
        let open = waiting.iter().filter(|(_, pending)| !pending.answer.is_closed());
        open.map(|(id, pending)| (id.clone(), pending.query.clone())).collect()
    }

    /// The worker has answered these: they are told once the task's completion is durable. Until then, or until the
    /// worker goes away, the answers are on their way. What nobody waits for is not kept.
    pub(crate) fn answering(
        &self,
        run_id: Uuid,
        results: &mut BTreeMap<String, WorkflowQueryResult>,
    ) -> Answering<'_> {
        {
            let runs = self.runs.lock();
            let waiting = runs.get(&run_id);
            results.retain(|id, _| waiting.is_some_and(|waiting| waiting.contains_key(id)));
        }
        let answering = Answering { queries: self, run_id, ids: results.keys().cloned().collect() };
        answering.mark(true);
        answering
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

/// Answers on their way to those who wait for them; dropped before they are there, they never will be.
pub(crate) struct Answering<'a> {
    queries: &'a PendingQueries,
    run_id: Uuid,
    ids: Vec<String>,
}

impl Answering<'_> {
    fn mark(&self, answering: bool) {
        if let Some(waiting) = self.queries.runs.lock().get_mut(&self.run_id) {
            for id in &self.ids {
                if let Some(pending) = waiting.get_mut(id) {
                    pending.answering = answering;
                }
            }
        }
    }
}

impl Drop for Answering<'_> {
    fn drop(&mut self) {
        self.mark(false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUN: Uuid = Uuid::from_u128(1);

    fn results<const N: usize>(ids: [&str; N]) -> BTreeMap<String, WorkflowQueryResult> {
        ids.into_iter().map(|id| (id.to_owned(), WorkflowQueryResult::default())).collect()
    }

    #[test]
    fn answers_that_nobody_waits_for_are_not_kept() {
        let queries = PendingQueries::default();
        let _answer = queries.add(RUN, "q", WorkflowQuery::default()).expect("a place");
        let mut given = results(["p", "q", "r"]);
        let answering = queries.answering(RUN, &mut given);
        assert_eq!(given, results(["q"]));
        assert_eq!(answering.ids, ["q"]);
        let mut of_another = results(["q"]);
        drop(queries.answering(Uuid::from_u128(2), &mut of_another));
        assert!(of_another.is_empty());
    }

    #[test]
    fn an_answer_whose_worker_went_away_is_waited_for_no_more() {
        let queries = PendingQueries::default();
        let _answer = queries.add(RUN, "q", WorkflowQuery::default()).expect("a place");
        let answering = queries.answering(RUN, &mut results(["q"]));
        assert!(!queries.withdraw(RUN, "q"), "the answer is on its way");
        drop(answering);
        assert!(queries.withdraw(RUN, "q"));
        assert!(queries.runs.lock().is_empty());
    }
}
