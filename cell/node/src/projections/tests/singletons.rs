//! Entities without runs, from a durable batch to the visibility store.

use super::fixture::{Life, Site};
use super::until;
use crate::test_support::NAMESPACE;
use atoll_api::temporal::api::common::v1::WorkflowExecution;
use atoll_api::temporal::api::enums::v1::WorkflowExecutionStatus;
use atoll_internal_api::entity::schedules;
use atoll_internal_api::entity::{EntityKey, EntityKind};
use cell_engine::{Time, VisibilityFacts};
use cell_shard::{DurableBatch, Projection};
use cell_store::{Epoch, Position, ShardId};
use cell_visibility::RecordId;
use std::borrow::Cow;
use std::sync::Arc;

const KIND: EntityKind = EntityKind::numbered(3);

/// What a schedule says of itself after so many transitions.
fn facts(transitions: u32) -> VisibilityFacts {
    VisibilityFacts {
        workflow_type: schedules::WORKFLOW_TYPE.to_owned(),
        task_queue: schedules::TASK_QUEUE.to_owned(),
        start_time: Time(5),
        execution_time: Time(5),
        close_time: Some(Time(9)),
        status: WorkflowExecutionStatus::Terminated,
        history_length: 0,
        history_size_bytes: 0,
        state_transition_count: transitions.into(),
        parent: None,
        root: WorkflowExecution::default(),
        memo: Default::default(),
        search_attributes: Default::default(),
        division: Some(Cow::Borrowed(schedules::DIVISION)),
    }
}

impl Life {
    /// Tells of a batch with these listings and deletions of the schedule `nightly`, by the index of their records.
    fn tell(&self, seq: u64, listed: &[u32], deleted: &[u32]) {
        let key = EntityKey::singleton(KIND, NAMESPACE, "nightly");
        let at = |index: &u32| Position { seq, index: *index };
        let batch = DurableBatch {
            // The first term of the shard.
            epoch: Epoch(1),
            from_seq: seq,
            to_seq: seq + 1,
            visibility: listed.iter().map(|it| (key.clone(), at(it), Arc::new(facts(*it)))).collect(),
            deleted: deleted.iter().map(|it| (key.clone(), at(it))).collect(),
            ..DurableBatch::default()
        };
        self.visibility.durable(ShardId(0), &Arc::new(batch));
    }
}

/// The transitions of everything that is listed.
fn shown(site: &Site) -> Vec<Option<i64>> {
    site.visibility.records().iter().map(|record| record.state_transition_count).collect()
}

#[test]
fn a_schedule_is_listed_by_kind_and_id_in_its_division() {
    let site = Site::new();
    site.live(async |life| {
        life.tell(1_000, &[3], &[]);
        until("it is listed", async || !site.visibility.records().is_empty()).await;
    });
    let [record] = site.visibility.records().try_into().expect("one record");
    assert_eq!(record.id, RecordId::Singleton { kind: KIND, id: "nightly".into() });
    assert_eq!(record.workflow_id, "temporal-sys-scheduler:nightly");
    assert_eq!(record.division.as_deref(), Some("TemporalScheduler"));
    assert_eq!((record.root, record.state_transition_count), (None, Some(3)));
}

#[test]
fn one_that_comes_again_in_the_batch_of_its_deletion_is_listed() {
    let site = Site::new();
    site.live(async |life| {
        life.tell(1_000, &[0], &[]);
        until("it is listed", async || shown(&site) == [Some(0)]).await;
        life.tell(1_001, &[2], &[1]);
        until("the second life is listed", async || shown(&site) == [Some(2)]).await;
        life.tell(1_002, &[0], &[1]);
        until("the deletion has the last word", async || shown(&site).is_empty()).await;
    });
}
