use super::{no_progress, page_size};
use crate::frontend::Frontend;
use crate::history_token::HistoryToken;
use crate::namespaces::Namespace;
use atoll_api::RawHistory;
use atoll_api::call::Status;
use bytes::Bytes;
use std::time::Instant;

/// Reads one workflow's history from the port, by positions.
pub(super) struct Reader<'a> {
    pub(super) frontend: &'a Frontend,
    pub(super) namespace: &'a Namespace,
    pub(super) workflow_id: &'a str,
}

impl Reader<'_> {
    /// The page at a position, and its last event.
    pub(super) async fn page(&self, at: &HistoryToken, asked: i32) -> Result<(RawHistory, i64), Status> {
        let batches = page_size(self.frontend, asked);
        let workflows = &self.frontend.ports.workflows;
        let (first, last) = (at.next_event_id, at.last_event_id);
        let (history, end) = workflows
            .history_batches(self.namespace, self.workflow_id, at.run_id, first, last, batches)
            .await?;
        if end < first {
            return Err(no_progress(self.frontend, self.namespace, self.workflow_id, at.run_id, first).await);
        }
        Ok((history, end))
    }

    /// One event.
    pub(super) async fn event(&self, at: &HistoryToken, event_id: i64) -> Result<RawHistory, Status> {
        let workflows = &self.frontend.ports.workflows;
        let (history, _) =
            workflows.history_page(self.namespace, self.workflow_id, at.run_id, event_id, event_id).await?;
        Ok(history)
    }

    /// Waits for events after the last one known, and moves the end there.
    pub(super) async fn wait(&self, at: &mut HistoryToken, deadline: Instant) -> Result<(), Status> {
        self.wait_after(at, at.last_event_id, deadline).await
    }

    /// Waits for the event that closes the run, and moves the end as far as the run has come.
    pub(super) async fn wait_for_close(
        &self,
        at: &mut HistoryToken,
        deadline: Instant,
    ) -> Result<(), Status> {
        self.wait_after(at, i64::MAX, deadline).await
    }

    async fn wait_after(
        &self,
        at: &mut HistoryToken,
        last_event_id: i64,
        deadline: Instant,
    ) -> Result<(), Status> {
        let workflows = &self.frontend.ports.workflows;
        let state = workflows
            .wait_for_history(self.namespace, self.workflow_id, at.run_id, last_event_id, deadline)
            .await?;
        at.last_event_id = state.last_event_id;
        at.closed = state.closed;
        Ok(())
    }

    /// Encoded events of a transient task that stand right behind the position; none once the run has got on.
    pub(super) async fn transient(&self, at: &HistoryToken) -> Result<Vec<Bytes>, Status> {
        let workflows = &self.frontend.ports.workflows;
        let state = workflows.history_state(self.namespace, self.workflow_id, Some(at.run_id)).await?;
        let same = !state.closed && state.last_event_id == at.last_event_id;
        Ok(if same { state.transient } else { Vec::new() })
    }
}
