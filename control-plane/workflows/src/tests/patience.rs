//! How long each step is tried, as the workflows ask for it while recorded histories replay.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use temporalio_client::WorkflowHistory;
use temporalio_common::RetryPolicy;
use temporalio_sdk::ActivityCloseTimeouts;
use temporalio_sdk::workflow_interceptors::{
    CancellableWorkflowOutboundFuture, ScheduleActivityInput, ScheduleActivityResult, WorkflowInterceptor,
    WorkflowInterceptorConstructor, WorkflowInterceptorContext, WorkflowNext,
};

use super::{recorded, replayer};

/// A step, seconds of its longest attempt, and seconds of all attempts with the pauses between them.
type Tried = (String, u64, u64);

/// What the workflow that replays asks for.
#[derive(Clone, Default)]
struct Asked(Arc<Mutex<(BTreeSet<Tried>, Vec<RetryPolicy>)>>);

impl WorkflowInterceptor for Asked {
    fn schedule_activity(
        &self,
        _: WorkflowInterceptorContext,
        input: ScheduleActivityInput,
        next: WorkflowNext<
            'static,
            ScheduleActivityInput,
            CancellableWorkflowOutboundFuture<ScheduleActivityResult>,
        >,
    ) -> CancellableWorkflowOutboundFuture<ScheduleActivityResult> {
        let step = input.activity_type().rsplit("::").next().unwrap_or_default().to_owned();
        let options = input.options();
        let (attempt, in_all) = match options.close_timeouts {
            ActivityCloseTimeouts::ScheduleAndStartToClose { schedule_to_close, start_to_close } => {
                (start_to_close.as_secs(), schedule_to_close.as_secs())
            }
            // Not bounded both ways.
            _ => (0, 0),
        };
        let mut asked = self.0.lock().unwrap();
        asked.0.insert((step, attempt, in_all));
        asked.1.extend(options.retry_policy.clone());
        next.run(input)
    }
}

/// The limits are literal here: how long callers wait, and what is never left behind, follows from them.
fn expected() -> BTreeMap<&'static str, Vec<(&'static str, u64, u64)>> {
    const A_WEEK: u64 = 7 * 24 * 3_600;
    let operation = |steps: &[(&'static str, u64)]| {
        let own = steps.iter().map(|&(step, in_all)| (step, 5, in_all));
        let all = ["begin", "fulfil", "compensate"].map(|step| (step, 5, A_WEEK));
        own.chain(all).collect()
    };
    let create = [("place", 30), ("apply_namespace", 600), ("push_keys", 600), ("publish_route", A_WEEK)];
    BTreeMap::from([
        ("apply_api_key", operation(&[("push_keys", A_WEEK)])),
        ("create_namespace", operation(&create)),
        ("update_namespace", operation(&[("apply_namespace", 600)])),
        ("delete_namespace", operation(&[("withdraw_route", A_WEEK), ("remove_namespace", A_WEEK)])),
        ("close_billing_month", vec![("check_complete", 60, 900), ("rate", 60, 900), ("finalize", 60, 900)]),
    ])
}

#[tokio::test]
async fn each_step_is_tried_as_long_as_it_may_be() {
    let mut tried: BTreeMap<String, BTreeSet<Tried>> = BTreeMap::new();
    for file in recorded() {
        let asked = Asked::default();
        let interceptor = asked.clone();
        let replayer = replayer(vec![WorkflowInterceptorConstructor::new(move |_| interceptor.clone())]);
        let history = WorkflowHistory::from_json(&std::fs::read(&file).unwrap()).unwrap();
        replayer.replay_workflow(history).await.unwrap();
        let (steps, pauses) = std::mem::take(&mut *asked.0.lock().unwrap());
        assert!(!steps.is_empty(), "{} asks for nothing", file.display());
        let name = file.file_stem().unwrap().to_str().unwrap();
        let workflow = name.split('-').next().unwrap();
        tried.entry(workflow.to_owned()).or_default().extend(steps);
        for policy in pauses {
            let pauses = (policy.initial_interval(), policy.backoff_coefficient(), policy.maximum_interval());
            assert_eq!(pauses, (Duration::from_millis(200), 2.0, Some(Duration::from_secs(15))), "{name}");
            assert_eq!(policy.maximum_attempts(), 0, "{name}: as often as there is time for");
        }
    }
    let owned = |(step, attempt, in_all): (&str, u64, u64)| (step.to_owned(), attempt, in_all);
    let expected: BTreeMap<String, BTreeSet<Tried>> = expected()
        .into_iter()
        .map(|(workflow, steps)| (workflow.to_owned(), steps.into_iter().map(owned).collect()))
        .collect();
    assert_eq!(tried, expected);
}
