//! How many commits a workflow waits for.

use super::{Process, queue, store};
use crate::test_support::World;
use atoll_api::temporal::api::command::v1::command::Attributes;
use atoll_api::temporal::api::command::v1::{
    Command, CompleteWorkflowExecutionCommandAttributes, ScheduleActivityTaskCommandAttributes,
};
use atoll_api::temporal::api::common::v1::ActivityType;
use atoll_api::temporal::api::enums::v1::CommandType;
use atoll_api::temporal::api::sdk::v1::WorkflowTaskCompletedMetadata;
use atoll_api::temporal::api::taskqueue::v1::{StickyExecutionAttributes, TaskQueue};
use atoll_api::temporal::api::workflowservice::v1 as wf;
use cell_frontend::ports::ActivityTasks;
use cell_store::fault::Call;
use std::time::Duration;

/// What an append takes.
const APPEND: Duration = Duration::from_millis(10);

pub(super) fn activity() -> Command {
    let attributes = ScheduleActivityTaskCommandAttributes {
        activity_id: "a".into(),
        activity_type: Some(ActivityType { name: "type".into() }),
        task_queue: Some(queue()),
        start_to_close_timeout: Some(prost_types::Duration { seconds: 60, nanos: 0 }),
        ..Default::default()
    };
    Command {
        command_type: CommandType::ScheduleActivityTask as i32,
        attributes: Some(Attributes::ScheduleActivityTaskCommandAttributes(attributes)),
        ..Default::default()
    }
}

fn done() -> Command {
    let attributes = CompleteWorkflowExecutionCommandAttributes::default();
    Command {
        command_type: CommandType::CompleteWorkflowExecution as i32,
        attributes: Some(Attributes::CompleteWorkflowExecutionCommandAttributes(attributes)),
        ..Default::default()
    }
}

pub(super) fn answer(
    task: &wf::PollWorkflowTaskQueueResponse,
    commands: Vec<Command>,
) -> wf::RespondWorkflowTaskCompletedRequest {
    wf::RespondWorkflowTaskCompletedRequest {
        task_token: task.task_token.clone(),
        commands,
        sdk_metadata: Some(WorkflowTaskCompletedMetadata::default()),
        ..Default::default()
    }
}

/// Start, first answer, start of the activity, its answer, last answer: the starts of the two workflow tasks go with
/// the answers to them.
#[tokio::test(start_paused = true)]
async fn a_workflow_with_one_activity_waits_for_five() {
    let (store, world) = (store(), World::new());
    let process = Process::open(&store, &world, 1).await;
    // The first append of a shard seals an hour.
    tokio::time::sleep(APPEND).await;
    store.set_latency(Call::Append, APPEND);
    let began = tokio::time::Instant::now();
    process.start("w").await;
    let task = process.poll().await;
    process.complete(answer(&task, vec![activity()])).await;
    let task = process.poll_activity().await;
    let request =
        wf::RespondActivityTaskCompletedRequest { task_token: task.task_token, ..Default::default() };
    process.activity_tasks.complete(&process.namespace, request).await.expect("an answer");
    let task = process.poll().await;
    process.complete(answer(&task, vec![done()])).await;
    let took = began.elapsed();
    assert!(took >= 5 * APPEND && took < 5 * APPEND + Duration::from_millis(5), "{took:?}");
    process.close().await;
}

/// An answer that brings the next task along is one commit for both, and so is a task on the worker's own queue.
#[tokio::test(start_paused = true)]
async fn a_next_task_costs_no_commit_of_its_own() {
    let (store, world) = (store(), World::new());
    let process = Process::open(&store, &world, 1).await;
    tokio::time::sleep(APPEND).await;
    process.start("w").await;
    let task = process.poll().await;
    store.set_latency(Call::Append, APPEND);
    let began = tokio::time::Instant::now();
    let own = TaskQueue { name: "own".into(), ..Default::default() };
    let with_next = wf::RespondWorkflowTaskCompletedRequest {
        return_new_workflow_task: true,
        force_create_new_workflow_task: true,
        sticky_attributes: Some(StickyExecutionAttributes {
            worker_task_queue: Some(own),
            schedule_to_start_timeout: Some(prost_types::Duration { seconds: 5, nanos: 0 }),
        }),
        ..answer(&task, vec![])
    };
    let next = process.complete(with_next).await.workflow_task.expect("the next task");
    assert!(began.elapsed() < APPEND + Duration::from_millis(5), "{:?}", began.elapsed());
    process.complete(answer(&next, vec![done()])).await;
    let took = began.elapsed();
    assert!(took >= 2 * APPEND && took < 2 * APPEND + Duration::from_millis(5), "{took:?}");
    process.close().await;
}
