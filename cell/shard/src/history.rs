//! Reading a run's history: older events from the store, the newest from memory.

use crate::error::ShardError;
use crate::history_tail::cut;
use crate::runtime::ShardRuntime;
use crate::state::Target;
use atoll_internal_api::entity::EntityKey;
use bytes::Bytes;
use std::sync::Arc;

/// Bytes read from the store for one page.
const PAGE_BYTES: usize = 4 << 20;

/// A stretch of a run's history, encoded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HistoryPage {
    /// Chunks of framed events (each behind tag and length), in order.
    pub chunks: Vec<Bytes>,
    /// Last event id in the page; `first - 1` when it is empty.
    pub last_event_id: i64,
}

impl ShardRuntime {
    /// The events `[first, last]` of a run, durable, as far as one page goes (at least one event,
    /// if there is any). `None` when there is no such run.
    pub async fn history(
        &self,
        target: &Target,
        first: i64,
        last: i64,
    ) -> Result<Option<HistoryPage>, ShardError> {
        let shard = self.shard(target);
        let (found, wait, term) = {
            let (mut state, run_id) = self.ready(shard, target).await?;
            let ordinal = state.target_ordinal(target, run_id);
            let wait = state.wait_for(ordinal);
            let workflow = state.workflows.get(&target.workflow());
            let run = run_id.and_then(|run_id| Some((run_id, workflow?.run(run_id)?.resident()?)));
            let found = run.map(|(run_id, run)| {
                let mut tail = Vec::new();
                run.history.read(first, last, &mut tail);
                let key = EntityKey::run(target.namespace_id, Arc::clone(&target.workflow_id), run_id);
                (run.history.stored_through(), tail, run.history.last(), key)
            });
            (found, wait, state.epoch)
        };
        self.released(shard, wait).await?;
        let Some((stored_through, tail, tail_last, key)) = found else {
            self.confirm_ownership(shard, term).await?;
            return Ok(None);
        };
        let mut page = HistoryPage { chunks: Vec::new(), last_event_id: first - 1 };
        let from_store = last.min(stored_through);
        if first <= from_store {
            let segments = self.store.history(shard.id, &key, first, from_store, PAGE_BYTES).await?;
            for segment in segments {
                page.chunks.push(cut(
                    &segment.events,
                    segment.first_event_id,
                    segment.last_event_id,
                    first,
                    from_store,
                ));
                page.last_event_id = segment.last_event_id.min(from_store);
            }
        }
        if page.last_event_id >= from_store.min(tail_last) {
            page.last_event_id = page.last_event_id.max(last.min(tail_last));
            page.chunks.extend(tail);
        }
        Ok(Some(page))
    }
}
