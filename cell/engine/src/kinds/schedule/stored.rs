//! A schedule as it is stored.

use super::plan::Plan;
use super::state::State;
use crate::run::RestoreError;
use atoll_internal_api::schedule::v1::ScheduleSnapshot;
use bytes::Bytes;
use prost::Message;
use schedule_spec::Seed;
use std::sync::Arc;

impl State {
    /// The whole state as one message.
    pub(super) fn snapshot(&self) -> Bytes {
        let snapshot = ScheduleSnapshot {
            life: Some((*self.life).clone()),
            schedule: Some(self.plan.schedule(&self.status)),
            memo: Some((*self.memo).clone()),
            search_attributes: Some((*self.search_attributes).clone()),
            progress: Some(self.progress),
            buffered: self.buffered.iter().copied().collect(),
            starting: self.starting.clone(),
            running: self.running.clone(),
            recent_actions: self.recent.iter().cloned().collect(),
            backfills: self.backfills.iter().copied().collect(),
            last_completion_result: self.last_completion_result.as_deref().cloned(),
            continued_failure: self.continued_failure.as_deref().cloned(),
            request_ids: self.request_ids.iter().map(|id| id.to_string()).collect(),
        };
        snapshot.encode_to_vec().into()
    }

    /// Back from a snapshot.
    pub(super) fn restore(snapshot: Bytes, seed: &Seed) -> Result<Self, RestoreError> {
        let stored = ScheduleSnapshot::decode(snapshot)?;
        let life = stored.life.ok_or(RestoreError::Missing("life"))?;
        let progress = stored.progress.ok_or(RestoreError::Missing("progress"))?;
        let schedule = stored.schedule.ok_or(RestoreError::Missing("schedule"))?;
        let (plan, status) = Plan::of(schedule)
            .map_err(|error| RestoreError::Unusable { part: "spec", reason: error.to_string() })?;
        let mut state = Self {
            progress,
            memo: Arc::new(stored.memo.unwrap_or_default()),
            search_attributes: Arc::new(stored.search_attributes.unwrap_or_default()),
            buffered: stored.buffered.into(),
            starting: stored.starting,
            running: stored.running,
            recent: stored.recent_actions.into(),
            backfills: stored.backfills.into(),
            last_completion_result: stored.last_completion_result.map(Arc::new),
            continued_failure: stored.continued_failure.map(Arc::new),
            request_ids: stored.request_ids.into_iter().map(Arc::from).collect(),
            ..Self::new(life, plan, status, seed)
        };
        state.look_ahead(seed);
        Ok(state)
    }
}
