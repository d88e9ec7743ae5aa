//! What must hold at the end of a simulation.

mod timing;

use crate::calls::{Caller, NAMESPACE};
use crate::clients::is_close;
use crate::plan::{Op, WorkflowPlan};
use crate::simulation::Site;
use atoll_api::temporal::api::enums::v1::EventType;
use atoll_api::temporal::api::history::v1::HistoryEvent;
use atoll_api::temporal::api::history::v1::history_event::Attributes as Event;
use atoll_api::temporal::api::workflowservice::v1::{self as wf, workflow_service as rpc};
use atoll_internal_api::usage::v1::usage_entry::Kind;
use atoll_internal_api::usage::v1::{ActionType, UsageObject};
use atoll_object_store::ObjectStore;
use metering_rules::{Totals, recount};
use std::collections::BTreeMap;

/// A run at its end.
pub(crate) struct Settled {
    pub(crate) workflow_id: String,
    pub(crate) run_id: String,
    pub(crate) events: Vec<HistoryEvent>,
}

/// Reads every history and holds it against the plan and the ledger.
pub(crate) async fn histories(site: &Site, caller: &Caller) -> Vec<Settled> {
    let mut settled = Vec::new();
    for workflow in &site.plan.workflows {
        match read(caller, workflow).await {
            Ok(run) => settled.push(run),
            Err(why) => caller.ledger.lock().broke(format!("{}: {why}", workflow.id)),
        }
    }
    let mut broken = Vec::new();
    for run in &settled {
        caller.saw(&run.run_id, &run.events);
        let workflow = site.plan.workflows.iter().find(|w| w.id == run.workflow_id).expect("planned");
        broken.extend(against_plan(workflow, run));
        broken.extend(against_ledger(caller, run));
        broken.extend(timing::early(run));
    }
    let lengths: BTreeMap<&str, i64> =
        settled.iter().map(|run| (run.run_id.as_str(), run.events.len() as i64)).collect();
    broken.extend(caller.ledger.lock().vanished(|run_id| lengths.get(run_id).copied().unwrap_or(0)));
    caller.ledger.lock().broken.extend(broken);
    visible(caller, settled.len()).await;
    settled
}

async fn read(caller: &Caller, workflow: &WorkflowPlan) -> Result<Settled, String> {
    let started = caller.ledger.lock().started.get(&workflow.id).cloned();
    let request = wf::DescribeWorkflowExecutionRequest {
        namespace: NAMESPACE.to_owned(),
        execution: crate::calls::execution(&workflow.id, ""),
    };
    let described = caller
        .insist(rpc::DESCRIBE_WORKFLOW_EXECUTION, &request)
        .await
        .map_err(|status| format!("cannot be described: {status:?}"))?;
    let info = described.workflow_execution_info.unwrap_or_default();
    let run_id = info.execution.unwrap_or_default().run_id;
    if started.is_some_and(|started| started != run_id) {
        return Err(format!("the acknowledged run is not the one that is there, {run_id}"));
    }
    let events = caller
        .history(&workflow.id, &run_id)
        .await
        .map_err(|status| format!("history cannot be read: {status:?}"))?;
    if info.history_length != events.len() as i64 {
        return Err(format!("{} events, described as {}", events.len(), info.history_length));
    }
    Ok(Settled { workflow_id: workflow.id.clone(), run_id, events })
}

/// Every operation of the plan was issued once and has ended once; the run completed.
fn against_plan(workflow: &WorkflowPlan, run: &Settled) -> Vec<String> {
    let mut broken = Vec::new();
    let mut broke = |what: String| broken.push(format!("{}: {what}", run.workflow_id));
    for (index, event) in run.events.iter().enumerate() {
        if event.event_id != index as i64 + 1 {
            broke(format!("event {} stands at place {}", event.event_id, index + 1));
        }
    }
    let closes = run.events.iter().filter(|event| is_close(event.event_type())).count();
    let last = run.events.last().map(HistoryEvent::event_type);
    if closes != 1 || last != Some(EventType::WorkflowExecutionCompleted) {
        broke(format!("{closes} closing events, the last event is {last:?}"));
    }
    let count = |wanted: EventType| run.events.iter().filter(|e| e.event_type() == wanted).count();
    let ops = || workflow.stages.iter().flatten();
    let activities = ops().filter(|op| matches!(op, Op::Activity(_))).count();
    let timers = ops().filter(|op| matches!(op, Op::Timer(_))).count();
    let children = ops().filter(|op| matches!(op, Op::Child(_))).count();
    let ended = count(EventType::ActivityTaskCompleted)
        + count(EventType::ActivityTaskFailed)
        + count(EventType::ActivityTaskTimedOut);
    for (what, planned, found) in [
        ("activities scheduled", activities, count(EventType::ActivityTaskScheduled)),
        ("activities ended", activities, ended),
        ("timers started", timers, count(EventType::TimerStarted)),
        ("timers fired", timers, count(EventType::TimerFired)),
        ("children initiated", children, count(EventType::StartChildWorkflowExecutionInitiated)),
        ("children completed", children, count(EventType::ChildWorkflowExecutionCompleted)),
        ("signals", workflow.signals.len(), count(EventType::WorkflowExecutionSignaled)),
    ] {
        if planned != found {
            broke(format!("{what}: {found} of {planned}"));
        }
    }
    broken
}

/// What was acknowledged is there, once.
fn against_ledger(caller: &Caller, run: &Settled) -> Vec<String> {
    let ledger = caller.ledger.lock();
    let mut broken = Vec::new();
    let mut signals: BTreeMap<String, usize> = BTreeMap::new();
    let mut names: BTreeMap<i64, &str> = BTreeMap::new();
    let mut completed: BTreeMap<&str, usize> = BTreeMap::new();
    for event in &run.events {
        match event.attributes.as_ref() {
            Some(Event::WorkflowExecutionSignaledEventAttributes(signal)) => {
                let payloads = signal.input.iter().flat_map(|input| &input.payloads);
                let text: String =
                    payloads.map(|payload| String::from_utf8_lossy(&payload.data).into_owned()).collect();
                *signals.entry(text).or_default() += 1;
            }
            Some(Event::ActivityTaskScheduledEventAttributes(a)) => {
                names.insert(event.event_id, &a.activity_id);
            }
            Some(Event::ActivityTaskCompletedEventAttributes(a)) => {
                if let Some(name) = names.get(&a.scheduled_event_id) {
                    *completed.entry(name).or_default() += 1;
                }
            }
            _ => {}
        }
    }
    for number in ledger.signalled.get(&run.workflow_id).into_iter().flatten() {
        let found = signals.get(&format!("\"{number}\"")).copied().unwrap_or(0);
        if found != 1 {
            broken.push(format!("{}: signal {number} stands {found} times", run.workflow_id));
        }
    }
    for (run_id, activity_id) in ledger.completed.keys().filter(|(run_id, _)| *run_id == run.run_id) {
        if completed.get(activity_id.as_str()) != Some(&1) {
            broken.push(format!("acknowledged completion of {activity_id} of {run_id} is not in history"));
        }
    }
    broken
}

/// Visibility comes to show every run as completed.
async fn visible(caller: &Caller, runs: usize) {
    let request = wf::CountWorkflowExecutionsRequest {
        namespace: NAMESPACE.to_owned(),
        query: "ExecutionStatus = 'Completed'".to_owned(),
    };
    let mut counted = 0;
    for _ in 0..600 {
        if let Ok(answer) = caller.insist(rpc::COUNT_WORKFLOW_EXECUTIONS, &request).await {
            counted = answer.count;
            if counted == runs as i64 {
                return;
            }
        }
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    }
    caller.ledger.lock().broke(format!("visibility shows {counted} of {runs} runs"));
}

/// After their retention runs are gone, from the cell and from visibility.
pub(crate) async fn deletions(_: &Site, caller: &Caller, settled: &[Settled]) {
    for run in settled {
        if caller.history(&run.workflow_id, &run.run_id).await.is_ok() {
            caller.ledger.lock().broke(format!("{} is still there after its retention", run.workflow_id));
        }
    }
    let request =
        wf::CountWorkflowExecutionsRequest { namespace: NAMESPACE.to_owned(), ..Default::default() };
    match caller.insist(rpc::COUNT_WORKFLOW_EXECUTIONS, &request).await {
        Ok(answer) if answer.count == 0 => {}
        other => caller.ledger.lock().broke(format!("visibility after retention: {other:?}")),
    }
}

/// What was metered is what the histories show; every byte that came into storage went out of it.
pub(crate) async fn usage(site: &Site, settled: &[Settled]) {
    let mut objects = Vec::new();
    for key in site.objects.list("usage/", None, usize::MAX).await.expect("a list") {
        let bytes = site.objects.get(&key).await.expect("readable").expect("listed");
        objects.push(usage_object::decode(bytes).expect("a usage object"));
    }
    objects.sort_by_key(|object| (object.shard, object.from_seq));
    let mut ledger = site.ledger.lock();
    let (metered, bytes, gaps) = metered(&objects);
    ledger.broken.extend(gaps);
    let mut counted = Totals::new();
    for (action, count) in settled.iter().flat_map(|run| recount(&run.events)) {
        *counted.entry(action).or_default() += count;
    }
    // Heartbeats leave no event.
    let shown: Totals =
        metered.into_iter().filter(|(action, _)| *action != ActionType::RecordActivityHeartbeat).collect();
    if shown != counted {
        ledger.broke(format!("metered {shown:?}, histories show {counted:?}"));
    }
    if bytes != 0 {
        ledger.broke(format!("{bytes} bytes are stored when nothing is"));
    }
}

/// Actions and bytes as metering takes them: of each shard every row once. And what it would miss.
fn metered(objects: &[UsageObject]) -> (Totals, i64, Vec<String>) {
    let mut totals = Totals::new();
    let (mut bytes, mut gaps) = (0, Vec::new());
    let mut watermarks: BTreeMap<u32, u64> = BTreeMap::new();
    for object in objects {
        let watermark = watermarks.entry(object.shard).or_insert(1);
        if object.from_seq > *watermark {
            gaps.push(format!(
                "usage of shard {} goes on at row {} after row {watermark}",
                object.shard, object.from_seq
            ));
        }
        for positioned in object.entries.iter().filter(|entry| entry.seq >= *watermark) {
            match positioned.entry.as_ref().and_then(|entry| entry.kind.as_ref()) {
                Some(Kind::Actions(actions)) => {
                    *totals.entry(actions.r#type()).or_default() += actions.count;
                }
                Some(Kind::Storage(delta)) => bytes += delta.bytes,
                None => {}
            }
        }
        *watermark = object.to_seq.max(*watermark);
    }
    (totals, bytes, gaps)
}

/// Describes what did not end, for the trace.
pub(crate) async fn say_what_hangs(caller: &Caller) {
    for workflow in &caller.plan.workflows {
        let Ok(events) = caller.history(&workflow.id, "").await else {
            caller.ledger.lock().broke(format!("{} does not exist", workflow.id));
            continue;
        };
        if !events.iter().any(|event| is_close(event.event_type())) {
            let types: Vec<String> = events.iter().map(|event| format!("{:?}", event.event_type())).collect();
            caller.ledger.lock().broke(format!("{} is at {}", workflow.id, types.join(", ")));
        }
    }
}
