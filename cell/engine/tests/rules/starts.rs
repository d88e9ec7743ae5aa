//! What a run begins with.

use crate::life::Life;
use crate::values::*;
use atoll_api::temporal::api::common::v1::{Link, WorkflowType};
use atoll_api::temporal::api::enums::v1::WorkflowIdReusePolicy;
use atoll_api::temporal::api::history::v1::WorkflowExecutionStartedEventAttributes;
use atoll_api::temporal::api::history::v1::history_event::Attributes as A;
use atoll_api::temporal::api::sdk::v1::UserMetadata;
use atoll_api::temporal::api::taskqueue::v1::TaskQueue;
use atoll_internal_api::entity::{EntityKey, EntityKind};
use bytes::Bytes;
use cell_engine::Listener;
use cell_engine::commands::*;
use prost_types::Duration;
use uuid::Uuid;

#[test]
fn the_first_event_says_all_that_was_asked_for() {
    let user_metadata = Some(UserMetadata { summary: Some(payload("summary")), details: None });
    let (asked, shown) = retries(3);
    let start = StartWorkflow {
        request_id: "request".into(),
        workflow_type: Some(WorkflowType { name: "type".into() }),
        task_queue: Some(TaskQueue { name: "queue".into(), kind: 2, normal_name: "other".into() }),
        input: payloads("input"),
        execution_timeout: seconds(100),
        run_timeout: seconds(1_000),
        task_timeout: seconds(20),
        identity: "starter".into(),
        memo: memo(),
        search_attributes: search_attributes(),
        header: header(),
        priority: priority(),
        retry_policy: asked,
        user_metadata: user_metadata.clone(),
        links: vec![Link::default(); 2],
        last_completion_result: payloads("result"),
        continued_failure: failure("before"),
        parent: Some(ParentLink {
            namespace: "parents".into(),
            namespace_id: Uuid::from_u128(1),
            execution: execution("parent", 9),
            initiated_event_id: 5,
            root: execution("root", 8),
        }),
        ..Default::default()
    };
    let life = Life::started_with(|life| *life = start);
    let run_id = life.run().run_id().to_string();
    let expected = WorkflowExecutionStartedEventAttributes {
        workflow_type: Some(WorkflowType { name: "type".into() }),
        parent_workflow_namespace: "parents".into(),
        parent_workflow_namespace_id: Uuid::from_u128(1).to_string(),
        parent_workflow_execution: Some(execution("parent", 9)),
        parent_initiated_event_id: 5,
        root_workflow_execution: Some(execution("root", 8)),
        task_queue: normal_queue("queue"),
        input: payloads("input"),
        workflow_execution_timeout: seconds(100),
        workflow_execution_expiration_time: Some(life.now.plus(100 * SECOND).to_proto()),
        workflow_run_timeout: seconds(100),
        workflow_task_timeout: seconds(20),
        continued_failure: failure("before"),
        last_completion_result: payloads("result"),
        original_execution_run_id: run_id.clone(),
        first_execution_run_id: run_id,
        identity: "starter".into(),
        retry_policy: shown,
        attempt: 1,
        first_workflow_task_backoff: seconds(0),
        memo: memo(),
        search_attributes: search_attributes(),
        header: header(),
        workflow_id: "w".into(),
        priority: priority(),
        ..Default::default()
    };
    let first = &life.history[0];
    assert_eq!(first.attributes, Some(A::WorkflowExecutionStartedEventAttributes(Box::new(expected))));
    assert_eq!((first.user_metadata.as_deref(), first.links.len()), (user_metadata.as_ref(), 2));
}

#[test]
fn a_run_has_no_more_time_than_its_chain_and_none_at_all_as_it_was_asked_for() {
    for (run, chain, shown) in [
        (None, None, None),
        (seconds(0), None, seconds(0)),
        (None, seconds(0), None),
        (seconds(5), None, seconds(5)),
        (None, seconds(7), seconds(7)),
        (seconds(0), seconds(7), seconds(7)),
        (seconds(5), seconds(7), seconds(5)),
        (seconds(9), seconds(7), seconds(7)),
        (Some(Duration { seconds: 1, nanos: 2_000_000_000 }), None, seconds(3)),
    ] {
        let life = Life::started_with(|start| (start.run_timeout, start.execution_timeout) = (run, chain));
        assert_eq!(life.run().started().workflow_run_timeout, shown, "{run:?} of {chain:?}");
    }
}

/// The word that it began is lost, its end backs off, and meanwhile somebody else uses the workflow id.
#[test]
fn a_start_that_somebody_waits_for_begins_once_also_where_its_workflow_id_was_used_again() {
    let schedule = EntityKey::singleton(EntityKind::SCHEDULE, Uuid::from_u128(1), "schedule");
    let listener = Listener { entity: schedule, reference: Bytes::from_static(b"1") };
    let start = |request: u128, listener: Option<Listener>| StartWorkflow {
        workflow_type: Some(WorkflowType { name: "type".into() }),
        task_queue: Some(TaskQueue { name: "queue".into(), ..Default::default() }),
        request_id: Uuid::from_u128(request).to_string(),
        id_reuse_policy: WorkflowIdReusePolicy::AllowDuplicate as i32,
        listener,
        ..Default::default()
    };
    let sent = start(1, Some(listener.clone()));
    for others in [1, 2] {
        for other_is_open in [false, true] {
            let mut life = Life::unused();
            let first = life.ask(sent.clone()).expect("it begins").run_id;
            for other in 0..others {
                life.ask(TerminateWorkflow::default()).expect("it is open");
                let waits = Listener { reference: Bytes::from_static(b"other"), ..listener.clone() };
                life.ask(start(10 + other, (other > 0).then_some(waits))).expect("the id is free");
            }
            if !other_is_open {
                life.ask(TerminateWorkflow::default()).expect("it is open");
            }
            for finds_only in [false, true] {
                let again = life.decide(StartWorkflow { finds_only, ..sent.clone() });
                let reply = again.answer.expect("it began");
                assert_eq!((reply.first_execution_run_id, reply.started), (first, true));
                assert_eq!(again.transitions, [], "nothing begins");
            }
            let another = life.decide(start(2, Some(listener.clone())));
            assert_ne!(another.answer.map(|reply| reply.run_id), Ok(first), "another request");
        }
    }
}
