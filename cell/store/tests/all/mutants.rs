//! The suite against engines that break one promise each: the case of that promise must notice.

use async_trait::async_trait;
use bytes::Bytes;
use cell_store::conformance::{self, Engine, Storage};
use cell_store::fault::Layer;
use cell_store::*;
use std::sync::Arc;
use uuid::Uuid;

/// The promise that is broken.
#[derive(Clone, Copy, Debug)]
enum Broken {
    AppendUpdatesRows,
    AppendForgetsRepeats,
    AppendTakesTrimmedPositions,
    AppendWritesPartOfABatch,
    AppendForgetsSegments,
    AppendWritesSegmentsOfTheSuperseded,
    AppendWritesSegmentsAgain,
    CheckpointIgnoresTheEpoch,
    CheckpointMovesBack,
    CheckpointPassesTheLog,
    TrimTakesOwnershipRecords,
    LogIgnoresBytes,
    LoadIgnoresBytes,
    LoadForgetsHoles,
    HistoryIgnoresBytes,
    DueIsUnordered,
    NamesIgnoreLimit,
    WaitingIsByShard,
    WaitingRowsForgetKinds,
    CheckpointReplacesWaitingRows,
    CheckpointKeepsDoneTasks,
    DeletionKeepsWaitingRows,
    CheckpointKeepsRemovedChunks,
    DeletionKeepsChunks,
    DeletionForgetsReferences,
    DeletionKeepsReferences,
    OutboxIgnoresLimit,
    OutboxIgnoresBytes,
    OutboxRepeatsTheLast,
    OutboxRemovesNewerItems,
    OutboxReplacesBlindly,
    OutboxCountsKeys,
    MetadataIgnoresVersions,
}

#[derive(Clone)]
struct Mutant {
    broken: Broken,
    inner: Stores,
}

#[async_trait]
impl Engine for Mutant {
    fn name(&self) -> String {
        format!("{:?}", self.broken)
    }

    async fn fresh(&self) -> Arc<dyn Storage> {
        Arc::new(Mutant::of(self.broken))
    }
}

#[async_trait]
impl Storage for Mutant {
    async fn start(&self) -> Result<Stores, StoreError> {
        Ok(Stores::of(self.clone()))
    }
}

impl Mutant {
    fn of(broken: Broken) -> Mutant {
        Mutant { broken, inner: MemoryStore::new().stores() }
    }

    async fn append_broken(&self, append: &Append) -> Result<AppendOutcome, StoreError> {
        let mut taken = append.clone();
        if matches!(self.broken, Broken::AppendForgetsSegments) {
            taken.segments.clear();
        }
        let outcome = self.inner.shards.append(&[taken]).await?[0];
        let superseded = outcome == AppendOutcome::Superseded;
        Ok(match self.broken {
            Broken::AppendUpdatesRows if superseded => AppendOutcome::Accepted,
            Broken::AppendForgetsRepeats if append.rows.len() == 2 => {
                let again = self.inner.shards.acquire(&[append.shard]).await?.remove(0);
                if again.last_seq > append.rows[1].seq { AppendOutcome::Superseded } else { outcome }
            }
            Broken::AppendTakesTrimmedPositions if superseded && append.rows.len() == 1 => {
                let found = self.inner.shards.acquire(&[append.shard]).await?.remove(0);
                if append.rows[0].seq <= found.checkpoint_seq { AppendOutcome::Accepted } else { outcome }
            }
            Broken::AppendWritesPartOfABatch if superseded && append.rows.len() == 3 => {
                let rest =
                    Append { shard: append.shard, rows: append.rows[1..].to_vec(), segments: Vec::new() };
                self.inner.shards.append(&[rest]).await?;
                outcome
            }
            Broken::AppendWritesSegmentsOfTheSuperseded if superseded => self.write_segments(append).await?,
            Broken::AppendWritesSegmentsAgain if !superseded => self.write_segments(append).await?,
            _ => outcome,
        })
    }

    /// Writes the segments in spite of the outcome, which it answers.
    async fn write_segments(&self, append: &Append) -> Result<AppendOutcome, StoreError> {
        let epoch = self.inner.shards.epochs(&[append.shard]).await?[0];
        let slice = Checkpoint { history: append.segments.clone(), ..Checkpoint::empty(append.shard, epoch) };
        self.inner.shards.checkpoint(&slice).await?;
        Ok(self.inner.shards.append(std::slice::from_ref(append)).await?[0])
    }
}

#[async_trait]
impl Layer for Mutant {
    fn inner(&self) -> &Stores {
        &self.inner
    }

    async fn acquire(&self, shards: &[ShardId]) -> Result<Vec<Acquired>, StoreError> {
        let mut acquired = self.inner.shards.acquire(shards).await?;
        if matches!(self.broken, Broken::CheckpointMovesBack) {
            acquired.iter_mut().filter(|a| a.checkpoint_seq == 3).for_each(|a| a.checkpoint_seq = 2);
        }
        Ok(acquired)
    }

    async fn append(&self, appends: &[Append]) -> Result<Vec<AppendOutcome>, StoreError> {
        self.inner.shards.append(&[]).await?;
        let mut outcomes = Vec::new();
        for append in appends {
            outcomes.push(self.append_broken(append).await?);
        }
        Ok(outcomes)
    }

    async fn checkpoint(&self, slice: &Checkpoint) -> Result<AppendOutcome, StoreError> {
        let mut slice = slice.clone();
        if matches!(self.broken, Broken::CheckpointIgnoresTheEpoch) {
            slice.epoch = self.inner.shards.epochs(&[slice.shard]).await?[0];
        }
        match self.broken {
            Broken::CheckpointPassesTheLog => slice.advance = None,
            Broken::CheckpointReplacesWaitingRows => {
                slice.deleted.extend(slice.entities.iter().map(|row| row.key.clone()));
            }
            Broken::WaitingRowsForgetKinds => {
                let as_runs = |row: &mut WaitingRow| row.key.entity_kind = EntityKind::WORKFLOW_RUN;
                slice.waiting.iter_mut().for_each(as_runs);
            }
            Broken::CheckpointKeepsDoneTasks => slice.waiting_done.clear(),
            Broken::DeletionKeepsWaitingRows => slice.deleted.retain(|key| key.run_id != Uuid::from_u128(2)),
            Broken::CheckpointKeepsRemovedChunks => {
                slice.entities.iter_mut().for_each(|row| row.chunks.retain(|chunk| !chunk.data.is_empty()));
            }
            Broken::OutboxRemovesNewerItems => {
                slice.outbox_done.iter_mut().for_each(|done| done.position.seq = u64::MAX);
            }
            Broken::OutboxReplacesBlindly => slice.outbox_done.extend(slice.outbox.iter().map(removal)),
            Broken::DeletionForgetsReferences => slice.references.clear(),
            // As if another run, which nobody ever deletes, referred to the same.
            Broken::DeletionKeepsReferences => {
                let again =
                    |reference: &BranchReference| BranchReference { by: Uuid::max(), ..reference.clone() };
                let again: Vec<_> = slice.references.iter().map(again).collect();
                slice.references.extend(again);
            }
            Broken::DeletionKeepsChunks => slice.deleted.retain(|key| key.run_id != Uuid::from_u128(1)),
            _ => {}
        }
        self.inner.shards.checkpoint(&slice).await
    }

    async fn log(
        &self,
        shard: ShardId,
        from_seq: u64,
        through_seq: u64,
        max_bytes: usize,
    ) -> Result<Vec<LogRow>, StoreError> {
        let max_bytes = if matches!(self.broken, Broken::LogIgnoresBytes) { usize::MAX } else { max_bytes };
        self.inner.shards.log(shard, from_seq, through_seq, max_bytes).await
    }

    async fn trim(&self, shard: ShardId) -> Result<u64, StoreError> {
        let trimmed = self.inner.shards.trim(shard).await?;
        let ownership = matches!(self.broken, Broken::TrimTakesOwnershipRecords) && trimmed > 0;
        Ok(trimmed + u64::from(ownership))
    }

    async fn load(
        &self,
        keys: &[(ShardId, EntityKey)],
        max_bytes: usize,
    ) -> Result<Vec<Option<EntityRow>>, StoreError> {
        let max_bytes = if matches!(self.broken, Broken::LoadIgnoresBytes) { usize::MAX } else { max_bytes };
        let mut rows = self.inner.shards.load(keys, max_bytes).await?;
        if matches!(self.broken, Broken::LoadForgetsHoles) && rows.iter().any(Option::is_some) {
            rows.sort_by_key(Option::is_none);
        }
        Ok(rows)
    }

    async fn history(
        &self,
        shard: ShardId,
        branch: &EntityKey,
        first_event_id: i64,
        last_event_id: i64,
        max_bytes: usize,
    ) -> Result<Vec<HistorySegment>, StoreError> {
        let max_bytes =
            if matches!(self.broken, Broken::HistoryIgnoresBytes) { usize::MAX } else { max_bytes };
        self.inner.shards.history(shard, branch, first_event_id, last_event_id, max_bytes).await
    }

    async fn due(&self, shard: ShardId, until_ms: i64, limit: usize) -> Result<Vec<DueRow>, StoreError> {
        let mut rows = self.inner.shards.due(shard, until_ms, limit).await?;
        if matches!(self.broken, Broken::DueIsUnordered) {
            rows.reverse();
        }
        Ok(rows)
    }

    async fn of_namespace(
        &self,
        shard: ShardId,
        namespace_id: Uuid,
        after: Option<&EntityKey>,
        limit: usize,
    ) -> Result<Vec<EntityKey>, StoreError> {
        let limit = if matches!(self.broken, Broken::NamesIgnoreLimit) { usize::MAX } else { limit };
        self.inner.shards.of_namespace(shard, namespace_id, after, limit).await
    }

    async fn waiting(
        &self,
        queue: &WaitingQueue,
        after: Option<&WaitingKey>,
        limit: usize,
    ) -> Result<Vec<WaitingRow>, StoreError> {
        let mut rows = self.inner.shards.waiting(queue, after, limit).await?;
        if matches!(self.broken, Broken::WaitingIsByShard) {
            rows.sort_by_key(|row| row.key.shard);
        }
        Ok(rows)
    }

    async fn outbox(
        &self,
        shard: ShardId,
        projection: &str,
        after: Option<&Bytes>,
        limit: usize,
        max_bytes: usize,
    ) -> Result<Vec<OutboxRow>, StoreError> {
        let (limit, max_bytes) = match self.broken {
            Broken::OutboxIgnoresLimit => (usize::MAX, max_bytes),
            Broken::OutboxIgnoresBytes => (limit, usize::MAX),
            _ => (limit, max_bytes),
        };
        // Begins with the row itself, not behind it: a reader that goes on from the last row never ends.
        let before = after.map(|after| after.slice(..after.len().saturating_sub(1)));
        let after = if matches!(self.broken, Broken::OutboxRepeatsTheLast) { before.as_ref() } else { after };
        self.inner.shards.outbox(shard, projection, after, limit, max_bytes).await
    }

    async fn outbox_sizes(&self, shards: &[ShardId]) -> Result<Vec<OutboxSize>, StoreError> {
        let mut sizes = self.inner.shards.outbox_sizes(shards).await?;
        if matches!(self.broken, Broken::OutboxCountsKeys) {
            sizes.iter_mut().for_each(|size| size.bytes += size.rows);
        }
        Ok(sizes)
    }

    async fn put(&self, record: &MetadataRecord) -> Result<PutOutcome, StoreError> {
        if matches!(self.broken, Broken::MetadataIgnoresVersions) {
            self.inner.metadata.remove(&record.kind, &record.id).await?;
        }
        self.inner.metadata.put(record).await
    }
}

/// What removes a row, whatever its position.
fn removal(row: &OutboxRow) -> OutboxDone {
    let position = Position { seq: u64::MAX, index: 0 };
    OutboxDone { projection: row.projection.clone(), key: row.key.clone(), position }
}

#[tokio::test]
async fn every_broken_promise_is_noticed_by_its_case() {
    for (broken, case) in [
        (Broken::AppendUpdatesRows, "append::another_batch_at_a_taken_position_is_superseded"),
        (Broken::AppendForgetsRepeats, "fencing::unknown_outcome_that_was_committed"),
        (Broken::AppendTakesTrimmedPositions, "fencing::a_stale_repeat_of_a_trimmed_row_is_superseded"),
        (Broken::AppendWritesPartOfABatch, "append::an_append_is_accepted_whole_or_not_at_all"),
        (Broken::AppendForgetsSegments, "segments::they_stand_with_the_rows_of_an_accepted_append"),
        (
            Broken::AppendWritesSegmentsOfTheSuperseded,
            "segments::a_superseded_append_writes_none_and_its_neighbours_do",
        ),
        (Broken::AppendWritesSegmentsAgain, "segments::a_late_repeat_brings_no_deleted_history_back"),
        (Broken::CheckpointIgnoresTheEpoch, "checkpoint::a_stale_checkpoint_changes_nothing"),
        (Broken::CheckpointMovesBack, "checkpoint::a_checkpoint_never_moves_back"),
        (Broken::CheckpointPassesTheLog, "checkpoint::an_advance_beyond_the_log_changes_nothing"),
        (Broken::TrimTakesOwnershipRecords, "trim::trim_deletes_up_to_the_checkpoint_only"),
        (Broken::LoadIgnoresBytes, "chunks::a_load_takes_as_many_as_fit"),
        (Broken::LogIgnoresBytes, "trim::what_stands_of_the_log_is_read_page_by_page"),
        (Broken::LoadForgetsHoles, "entities::loads_answer_in_order_with_holes"),
        (Broken::HistoryIgnoresBytes, "history::max_bytes_bounds_the_answer_but_for_one_segment"),
        (Broken::DueIsUnordered, "due::due_is_earliest_first_then_by_key"),
        (Broken::NamesIgnoreLimit, "entities::names_of_a_namespace_are_read_page_by_page"),
        (Broken::WaitingIsByShard, "waiting::tasks_of_all_shards_come_in_one_order"),
        (
            Broken::WaitingRowsForgetKinds,
            "waiting::entities_of_two_kinds_and_the_same_ids_keep_their_tasks_apart",
        ),
        (Broken::CheckpointReplacesWaitingRows, "waiting::a_write_changes_only_the_tasks_it_names"),
        (Broken::CheckpointKeepsDoneTasks, "waiting::a_write_changes_only_the_tasks_it_names"),
        (Broken::DeletionKeepsWaitingRows, "waiting::tasks_go_with_their_run_and_no_other"),
        (Broken::CheckpointKeepsRemovedChunks, "chunks::a_write_changes_only_the_chunks_it_names"),
        (Broken::DeletionKeepsChunks, "chunks::chunks_go_with_their_entity_and_no_other"),
        (Broken::DeletionForgetsReferences, "branches::a_base_that_goes_first_leaves_what_its_fork_shares"),
        (Broken::DeletionForgetsReferences, "branches::a_crash_in_a_large_deletion_leaves_what_is_shared"),
        (Broken::DeletionKeepsReferences, "branches::both_in_one_slice_leave_nothing"),
        (Broken::DeletionKeepsReferences, "branches::of_a_chain_of_forks_any_may_go_first"),
        (Broken::OutboxIgnoresLimit, "outbox::items_come_in_key_order_up_to_the_limit"),
        (Broken::OutboxIgnoresBytes, "outbox::pages_are_bounded_in_bytes_but_for_one_item"),
        (Broken::OutboxRepeatsTheLast, "outbox::pages_follow_each_other"),
        (Broken::OutboxRemovesNewerItems, "outbox::a_late_confirmation_removes_no_newer_item"),
        (Broken::OutboxReplacesBlindly, "outbox::an_older_item_replaces_no_newer_one"),
        (Broken::OutboxReplacesBlindly, "outbox::a_replaced_item_keeps_the_time_of_the_first"),
        (Broken::OutboxCountsKeys, "outbox::sizes_are_told_by_shard_and_projection"),
        (Broken::MetadataIgnoresVersions, "metadata::a_record_is_written_when_its_version_rises"),
    ] {
        let reports = conformance::report(&Mutant::of(broken)).await;
        let noticed = reports.iter().find(|report| report.name == case).expect("the case exists");
        assert!(noticed.failure.is_some(), "{case} passed on an engine with {broken:?}");
    }
}
