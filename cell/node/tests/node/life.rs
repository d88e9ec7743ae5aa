//! Runs from their start to their end.

use crate::fixture::{Cell, Driver, Engine, done, events, execution, failure, payloads, seconds, timer};
use crate::on_each_engine;
use atoll_api::call::Code;
use atoll_api::temporal::api::enums::v1::EventType::{self, *};
use atoll_api::temporal::api::enums::v1::{WorkflowExecutionStatus, WorkflowIdReusePolicy};
use atoll_api::temporal::api::errordetails::v1::{NotFoundFailure, WorkflowExecutionAlreadyStartedFailure};
use atoll_api::temporal::api::workflowservice::v1::{self as wf, workflow_service as rpc};
use std::time::Duration;

const FIRST_TASK: [EventType; 4] =
    [WorkflowExecutionStarted, WorkflowTaskScheduled, WorkflowTaskStarted, WorkflowTaskCompleted];

fn status(described: &wf::DescribeWorkflowExecutionResponse) -> WorkflowExecutionStatus {
    described.workflow_execution_info.as_ref().expect("info").status()
}

#[tokio::test]
async fn an_activity_is_done_and_the_run_completes() {
    on_each_engine(async |cell| {
        let driver = Driver::new(cell, "plain");
        let run_id = driver.start().await;
        let task = driver.poll().await;
        assert_eq!((task.attempt, task.started_event_id, task.previous_started_event_id), (1, 3, 0));
        assert_eq!(task.workflow_execution, execution("plain", &run_id));
        let shown: Vec<_> = events(task.history.clone()).iter().map(|event| event.event_type()).collect();
        assert_eq!(shown, FIRST_TASK[..3]);
        driver.complete(&task, vec![driver.activity("a")]).await;

        let activity = driver.poll_activity().await;
        assert_eq!((activity.activity_id.as_str(), activity.attempt), ("a", 1));
        assert_eq!(activity.workflow_execution, execution("plain", &run_id));
        let pending = driver.describe().await.pending_activities;
        assert_eq!(pending.len(), 1);
        driver.complete_activity(&activity).await;
        driver.step(vec![done()]).await;

        let mut expected = FIRST_TASK.to_vec();
        expected.extend([ActivityTaskScheduled, ActivityTaskStarted, ActivityTaskCompleted]);
        expected.extend([WorkflowTaskScheduled, WorkflowTaskStarted, WorkflowTaskCompleted]);
        expected.push(WorkflowExecutionCompleted);
        assert_eq!(driver.event_types().await, expected);
        let described = driver.describe().await;
        assert_eq!(status(&described), WorkflowExecutionStatus::Completed);
        assert_eq!(described.workflow_execution_info.unwrap().history_length, expected.len() as i64);
    })
    .await;
}

#[tokio::test]
async fn failed_activities_are_tried_again_by_the_clock() {
    on_each_engine(async |cell| {
        let driver = Driver::new(cell, "retried");
        driver.start().await;
        driver.step(vec![driver.activity("a")]).await;
        let first = driver.poll_activity().await;
        let heartbeat = wf::RecordActivityTaskHeartbeatRequest {
            namespace: "default".to_owned(),
            task_token: first.task_token.clone(),
            details: payloads("half way"),
            ..Default::default()
        };
        let beat = cell.call(rpc::RECORD_ACTIVITY_TASK_HEARTBEAT, heartbeat).await.unwrap();
        assert!(!beat.cancel_requested);
        let failed = wf::RespondActivityTaskFailedRequest {
            namespace: "default".to_owned(),
            task_token: first.task_token.clone(),
            failure: failure("first"),
            ..Default::default()
        };
        cell.call(rpc::RESPOND_ACTIVITY_TASK_FAILED, failed.clone()).await.unwrap();
        let stale = cell.call(rpc::RESPOND_ACTIVITY_TASK_FAILED, failed).await.unwrap_err();
        assert_eq!(stale.code, Code::NotFound, "the attempt is over");

        let pending = driver.describe().await.pending_activities.remove(0);
        assert_eq!((pending.attempt, pending.last_failure.unwrap().message.as_str()), (2, "first"));
        cell.advance(Duration::from_secs(1)).await;
        let second = driver.poll_activity().await;
        assert_eq!((second.attempt, second.heartbeat_details.clone()), (2, payloads("half way")));
        driver.complete_activity(&second).await;
        let task = driver.poll().await;
        let history = events(task.history);
        let started = history.iter().find(|event| event.event_type() == ActivityTaskStarted).unwrap();
        let text = format!("{started:?}");
        assert!(text.contains("attempt: 2") && text.contains("first"), "{text}");
    })
    .await;
}

#[tokio::test]
async fn an_activity_that_says_nothing_times_out() {
    on_each_engine(async |cell| {
        let driver = Driver::new(cell, "silent");
        driver.start().await;
        let once = driver.activity_with("a", |attributes| {
            attributes.retry_policy = Some(atoll_api::temporal::api::common::v1::RetryPolicy {
                maximum_attempts: 1,
                ..Default::default()
            });
            attributes.heartbeat_timeout = seconds(5);
        });
        driver.step(vec![once]).await;
        driver.poll_activity().await;
        cell.advance(Duration::from_secs(4)).await;
        assert_eq!(driver.event_types_after(4).await, [ActivityTaskScheduled]);
        cell.advance(Duration::from_secs(1)).await;
        let expected =
            [ActivityTaskScheduled, ActivityTaskStarted, ActivityTaskTimedOut, WorkflowTaskScheduled];
        assert_eq!(driver.event_types_after(4).await, expected);
    })
    .await;
}

#[tokio::test]
async fn timers_fire_by_the_clock_also_after_a_crash() {
    for engine in Engine::all() {
        let cell = Cell::on(engine).await;
        let driver = Driver::new(&cell, "timed");
        driver.start().await;
        driver.step(vec![timer("soon", 60), timer("late", 3_600)]).await;
        cell.advance(Duration::from_secs(59)).await;
        assert_eq!(driver.event_types_after(4).await, [TimerStarted, TimerStarted]);
        cell.advance(Duration::from_secs(1)).await;
        let expected = [TimerStarted, TimerStarted, TimerFired, WorkflowTaskScheduled];
        assert_eq!(driver.event_types_after(4).await, expected);
        driver.step(vec![]).await;

        let cell = cell.crash().await.start().await;
        let driver = Driver::new(&cell, "timed");
        cell.advance(Duration::from_secs(3_600 - 60)).await;
        let task = driver.poll().await;
        let last: Vec<_> =
            events(task.history).iter().map(|event| event.event_type()).collect::<Vec<_>>().split_off(8 + 2);
        assert_eq!(last, [TimerFired, WorkflowTaskScheduled, WorkflowTaskStarted]);
        cell.crash().await;
    }
}

#[tokio::test]
async fn signals_arrive_once_and_in_order() {
    on_each_engine(async |cell| {
        let driver = Driver::new(cell, "signalled");
        driver.start().await;
        driver.step(vec![]).await;
        driver.signal("one").await;
        // The same request again: the first answer may have been lost.
        driver.signal("one").await;
        let task = driver.poll().await;
        driver.signal("two").await;
        driver.complete(&task, vec![]).await;
        let expected = [
            WorkflowExecutionSignaled,
            WorkflowTaskScheduled,
            WorkflowTaskStarted,
            WorkflowTaskCompleted,
            WorkflowExecutionSignaled,
            WorkflowTaskScheduled,
        ];
        assert_eq!(driver.event_types_after(4).await, expected);
        driver.step(vec![done()]).await;
        let late = wf::SignalWorkflowExecutionRequest {
            namespace: "default".to_owned(),
            workflow_execution: execution("signalled", ""),
            signal_name: "late".to_owned(),
            ..Default::default()
        };
        let refused = cell.call(rpc::SIGNAL_WORKFLOW_EXECUTION, late).await.unwrap_err();
        assert_eq!(refused.code, Code::NotFound);
        assert!(refused.detail::<NotFoundFailure>().is_some());
    })
    .await;
}

#[tokio::test]
async fn a_terminated_run_is_over_and_its_id_free() {
    on_each_engine(async |cell| {
        let driver = Driver::new(cell, "ended");
        let first = driver.start().await;
        let again = driver.start().await;
        assert_eq!(first, again, "the same request");
        let other = || wf::StartWorkflowExecutionRequest {
            request_id: "another".to_owned(),
            ..driver.start_request()
        };
        let refused = cell.call(rpc::START_WORKFLOW_EXECUTION, other()).await.unwrap_err();
        assert_eq!(refused.code, Code::AlreadyExists);
        let detail = refused.detail::<WorkflowExecutionAlreadyStartedFailure>().expect("the detail");
        assert_eq!((detail.run_id.as_str(), detail.start_request_id.as_str()), (&*first, "start-ended"));

        let terminate = || wf::TerminateWorkflowExecutionRequest {
            namespace: "default".to_owned(),
            workflow_execution: execution("ended", ""),
            reason: "enough".to_owned(),
            ..Default::default()
        };
        cell.call(rpc::TERMINATE_WORKFLOW_EXECUTION, terminate()).await.unwrap();
        assert_eq!(status(&driver.describe().await), WorkflowExecutionStatus::Terminated);
        let twice = cell.call(rpc::TERMINATE_WORKFLOW_EXECUTION, terminate()).await.unwrap_err();
        assert_eq!(twice.code, Code::NotFound);
        let picky = wf::StartWorkflowExecutionRequest {
            workflow_id_reuse_policy: WorkflowIdReusePolicy::RejectDuplicate as i32,
            ..other()
        };
        let refused = cell.call(rpc::START_WORKFLOW_EXECUTION, picky).await.unwrap_err();
        assert_eq!(refused.code, Code::AlreadyExists);
        let second = driver.start_with(other()).await;
        assert_ne!(first, second);
        assert_eq!(status(&driver.describe().await), WorkflowExecutionStatus::Running);
    })
    .await;
}

#[tokio::test]
async fn cancellation_is_asked_for_once() {
    on_each_engine(async |cell| {
        let driver = Driver::new(cell, "canceled");
        driver.start().await;
        driver.step(vec![]).await;
        let cancel = || wf::RequestCancelWorkflowExecutionRequest {
            namespace: "default".to_owned(),
            workflow_execution: execution("canceled", ""),
            ..Default::default()
        };
        cell.call(rpc::REQUEST_CANCEL_WORKFLOW_EXECUTION, cancel()).await.unwrap();
        cell.call(rpc::REQUEST_CANCEL_WORKFLOW_EXECUTION, cancel()).await.unwrap();
        assert_eq!(
            driver.event_types_after(4).await,
            [WorkflowExecutionCancelRequested, WorkflowTaskScheduled]
        );
    })
    .await;
}
