//! What lists and descriptions know of a run.

use crate::life::{Life, command};
use crate::values::*;
use atoll_api::temporal::api::command::v1::command::Attributes as Wanted;
use atoll_api::temporal::api::command::v1::{self as wanted, Command};
use atoll_api::temporal::api::common::v1::{Memo, Payload, WorkflowType};
use atoll_api::temporal::api::enums::v1::{
    CommandType, EventType, PendingWorkflowTaskState as State, WorkflowExecutionStatus as Status,
};
use atoll_api::temporal::api::sdk::v1::UserMetadata;
use atoll_api::temporal::api::workflow::v1::{
    PendingWorkflowTaskInfo, RequestIdInfo, ResetPointInfo, ResetPoints, WorkflowExecutionConfig,
    WorkflowExecutionExtendedInfo, WorkflowExecutionInfo,
};
use cell_engine::Description;
use cell_engine::commands::*;
use uuid::Uuid;

#[test]
fn lists_know_how_long_a_history_is_and_when_it_began_and_ended() {
    let mut life = Life::started();
    let begun = life.now;
    life.signal();
    let facts = life.run().visibility();
    assert_eq!(facts.history_length, life.last().event_id);
    assert_eq!((facts.start_time, facts.execution_time, facts.close_time), (begun, begun, None));
    assert_eq!((facts.status, facts.parent), (Status::Running, None));
    assert_eq!(facts.root.run_id, life.run().run_id().to_string(), "it is its own root");
    life.now = begun.plus(5 * SECOND);
    life.ask(TerminateWorkflow::default()).expect("it is open");
    let facts = life.run().visibility();
    assert_eq!(facts.history_length, life.last().event_id);
    assert_eq!((facts.start_time, facts.close_time), (begun, Some(life.now)));
    assert_eq!(facts.status, Status::Terminated);
}

#[test]
fn lists_know_when_a_run_that_waits_for_its_turn_begins() {
    let mut life = Life::started();
    life.run_task(vec![command(
        CommandType::ContinueAsNewWorkflowExecution,
        Wanted::ContinueAsNewWorkflowExecutionCommandAttributes(Default::default()),
    )]);
    let facts = life.run().visibility();
    assert_eq!(facts.start_time, life.now);
    assert_eq!(facts.execution_time.0, life.now.0 + life.limits.continue_as_new_interval_nanos);
}

#[test]
fn lists_know_the_parent_and_the_root_of_a_child() {
    let life = Life::child();
    let facts = life.run().visibility();
    let link = life.parent_link();
    assert_eq!((facts.parent, facts.root), (Some(link.execution), link.root));
}

#[test]
fn a_description_says_when_a_run_expires() {
    for timeout in [None, Some(60)] {
        let life = Life::started_with(|start| {
            start.run_timeout = timeout.map(|seconds| prost_types::Duration { seconds, nanos: 0 });
        });
        let expires = timeout.map(|seconds| life.now.plus(seconds * SECOND).to_proto());
        assert_eq!(life.run().describe().extended.run_expiration_time, expires);
    }
}

#[test]
fn lists_know_how_many_steps_a_run_has_taken() {
    let mut life = Life::started();
    let steps = |life: &Life| life.run().visibility().state_transition_count;
    let begun = steps(&life);
    assert!(begun > 0);
    life.signal();
    life.take_task();
    assert_eq!(steps(&life), begun + 2);
}

#[test]
fn a_run_can_be_reset_to_its_first_answer() {
    let mut life = Life::started();
    let points =
        |life: &Life| life.run().describe().info.auto_reset_points.map_or(Vec::new(), |all| all.points);
    assert!(points(&life).is_empty() && !life.run().has_completed_task());
    life.run_task(Vec::new());
    let (answered, at) = (life.last().event_id, life.now.to_proto());
    assert!(life.run().has_completed_task());
    life.now = life.now.plus(5 * SECOND);
    life.signal();
    life.run_task(Vec::new());
    let points: Vec<_> = points(&life)
        .into_iter()
        .map(|point| (point.first_workflow_task_completed_id, point.create_time))
        .collect();
    assert_eq!(points, [(answered, Some(at))]);
}

#[test]
fn a_description_says_everything_of_a_run() {
    let mut life = Life::started_with(|start| {
        (start.execution_timeout, start.run_timeout) = (seconds(100), seconds(60));
        start.task_timeout = seconds(20);
        (start.memo, start.search_attributes, start.priority) = (memo(), search_attributes(), priority());
        start.parent = Some(ParentLink {
            namespace: "default".into(),
            namespace_id: Uuid::from_u128(1),
            execution: execution("parent", 9),
            initiated_event_id: 5,
            root: execution("root", 8),
        });
    });
    let (began, run_id) = (life.now, life.run().run_id());
    life.ask(ReleaseFirstWorkflowTask).expect("it is there");
    life.now = life.now.plus(SECOND);
    life.run_task(Vec::new());
    let answered = life.now;
    life.now = life.now.plus(2 * SECOND);
    life.ask(RequestCancelWorkflow::default()).expect("it is open");
    let scheduled = Some(life.now.to_proto());
    let config = WorkflowExecutionConfig {
        task_queue: normal_queue("queue"),
        workflow_execution_timeout: seconds(100),
        workflow_run_timeout: seconds(60),
        default_workflow_task_timeout: seconds(20),
        user_metadata: Some(UserMetadata { summary: Some(Payload::default()), details: None }),
    };
    let point = ResetPointInfo {
        run_id: run_id.to_string(),
        first_workflow_task_completed_id: 4,
        create_time: Some(answered.to_proto()),
        resettable: true,
        ..Default::default()
    };
    let info = WorkflowExecutionInfo {
        execution: Some(execution("w", run_id.as_u128())),
        r#type: Some(WorkflowType { name: "type".into() }),
        start_time: Some(began.to_proto()),
        status: Status::Running as i32,
        history_length: 6,
        parent_namespace_id: Uuid::from_u128(1).to_string(),
        parent_execution: Some(execution("parent", 9)),
        execution_time: Some(began.to_proto()),
        memo: memo(),
        search_attributes: search_attributes(),
        auto_reset_points: Some(ResetPoints { points: vec![point] }),
        task_queue: "queue".into(),
        // The start, the release, the poll, the answer, the request.
        state_transition_count: 5,
        history_size_bytes: life.run().billed_bytes() as i64,
        root_execution: Some(execution("root", 8)),
        first_run_id: run_id.to_string(),
        priority: priority(),
        ..Default::default()
    };
    let task = PendingWorkflowTaskInfo {
        state: State::Scheduled as i32,
        scheduled_time: scheduled,
        original_scheduled_time: scheduled,
        started_time: None,
        attempt: 1,
    };
    let request = RequestIdInfo {
        event_type: EventType::WorkflowExecutionStarted as i32,
        event_id: 1,
        buffered: false,
    };
    let extended = WorkflowExecutionExtendedInfo {
        execution_expiration_time: Some(began.plus(100 * SECOND).to_proto()),
        run_expiration_time: Some(began.plus(60 * SECOND).to_proto()),
        cancel_requested: true,
        original_start_time: Some(began.to_proto()),
        request_id_infos: [("start".to_owned(), request)].into(),
        ..Default::default()
    };
    let expected =
        Description { config, info, activities: vec![], children: vec![], task: Some(task), extended };
    assert_eq!(life.run().describe(), expected);
    life.now = life.now.plus(SECOND);
    life.take_task();
    let taken = PendingWorkflowTaskInfo {
        state: State::Started as i32,
        scheduled_time: scheduled,
        original_scheduled_time: scheduled,
        started_time: Some(life.now.to_proto()),
        attempt: 1,
    };
    assert_eq!(life.run().describe().task, Some(taken));
    life.ask(TerminateWorkflow::default()).expect("it is open");
    let info = WorkflowExecutionInfo {
        close_time: Some(life.now.to_proto()),
        status: Status::Terminated as i32,
        // The start of the task, its failure, the end: two steps.
        history_length: 9,
        state_transition_count: 7,
        history_size_bytes: life.run().billed_bytes() as i64,
        execution_duration: seconds(4),
        ..expected.info.clone()
    };
    assert_eq!(life.run().describe(), Description { info, task: None, ..expected });
}

fn set_memo(fields: &[(&str, Option<&'static str>, &'static str)]) -> Command {
    let field = |(name, encoding, data): &(&str, Option<&'static str>, &'static str)| {
        let metadata = encoding.iter().map(|encoding| ("encoding".to_owned(), (*encoding).into()));
        let metadata = metadata.collect();
        ((*name).to_owned(), Payload { metadata, data: (*data).into(), ..Default::default() })
    };
    let upserted_memo = Some(Memo { fields: fields.iter().map(field).collect() });
    let modify = wanted::ModifyWorkflowPropertiesCommandAttributes { upserted_memo };
    command(CommandType::ModifyWorkflowProperties, Wanted::ModifyWorkflowPropertiesCommandAttributes(modify))
}

#[test]
fn a_field_that_is_set_to_nothing_is_gone() {
    let mut life = Life::started();
    let (plain, null) = (Some("json/plain"), Some("binary/null"));
    life.run_task(vec![set_memo(&["a", "b", "c", "d", "e", "f"].map(|name| (name, plain, "1")))]);
    life.signal();
    life.run_task(vec![set_memo(&[
        ("a", null, ""),
        ("b", plain, "null"),
        ("c", plain, "[]"),
        ("d", None, ""),
        ("e", plain, "0"),
        ("f", Some("binary/plain"), ""),
    ])]);
    let memo = life.run().visibility().memo;
    assert_eq!(memo.keys().collect::<Vec<_>>(), ["e", "f"], "a number is something, and so are no bytes");
}

#[test]
fn lists_are_told_of_what_they_show_and_of_nothing_else() {
    let mut life = Life::started();
    let told = |life: &mut Life| std::mem::take(&mut life.listed);
    assert_eq!(told(&mut life), 1, "it has begun");
    life.signal();
    assert_eq!(told(&mut life), 0, "a signal");
    life.run_task(Vec::new());
    assert_eq!(told(&mut life), 1, "it can be reset from now on");
    life.signal();
    life.run_task(Vec::new());
    assert_eq!(told(&mut life), 0, "one more answer");
    life.signal();
    life.run_task(vec![set_memo(&[("a", None, "1")])]);
    assert_eq!(told(&mut life), 1, "its memo");
    life.ask(TerminateWorkflow::default()).expect("it is open");
    assert_eq!(told(&mut life), 1, "its end");
}

#[test]
fn a_worker_is_told_what_its_workflow_has_completed() {
    let mut life = Life::started();
    assert_eq!((life.run().last_completed_event_id(), life.run().previous_started_event_id()), (0, 0));
    life.run_task(Vec::new());
    assert_eq!((life.run().last_completed_event_id(), life.run().previous_started_event_id()), (4, 3));
}
