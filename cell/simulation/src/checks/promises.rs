//! Every operation of the plan was issued once and has ended once, and what was acknowledged is there, once.

use super::timing::Windows;
use super::{Settled, answers, ended_at};
use crate::ledger::{Ledger, nanos};
use crate::plan::{Begin, Op, Plan, SchedulePlan, WorkflowPlan};
use crate::script::{GO, WORD, name_of, text_of, word};
use atoll_api::temporal::api::enums::v1::EventType;
use atoll_api::temporal::api::history::v1::HistoryEvent;
use atoll_api::temporal::api::history::v1::history_event::Attributes as Event;
use std::collections::BTreeMap;

/// What the runs of all workflows break.
pub(super) fn broken(plan: &Plan, ledger: &Ledger, windows: &Windows, settled: &[Settled]) -> Vec<String> {
    let mut broken = Vec::new();
    for (index, workflow) in plan.workflows.iter().enumerate() {
        let chain: Vec<&Settled> = settled.iter().filter(|run| run.workflow == index).collect();
        broken.extend(signals(workflow, ledger, &chain));
        broken.extend(asked_to_end(workflow, ledger, windows, &chain));
        if !workflow.obeys
            && workflow.begins != Begin::Schedule
            && chain.last().is_some_and(|last| !is_terminated(last))
            && chain.len() != workflow.chain()
        {
            broken.push(format!("{}: {} runs of {}", workflow.id, chain.len(), workflow.chain()));
        }
    }
    for run in settled {
        let workflow = &plan.workflows[run.workflow];
        broken.extend(order(run));
        broken.extend(end(plan, workflow, run));
        if !workflow.obeys && !is_terminated(run) {
            broken.extend(operations(plan, workflow, run));
        }
        broken.extend(answers::broken(&ledger.answers, run));
        if plan.loses_nothing() {
            broken.extend(lost_attempts(ledger, run));
        }
        broken.extend(to_others(plan, windows, settled, workflow, run));
    }
    broken
}

fn count(run: &Settled, wanted: EventType) -> usize {
    run.events.iter().filter(|event| event.event_type() == wanted).count()
}

fn order(run: &Settled) -> Vec<String> {
    let misplaced =
        run.events.iter().enumerate().filter(|(index, event)| event.event_id != *index as i64 + 1);
    misplaced
        .map(|(index, event)| {
            format!("{}: event {} stands at place {}", run.workflow_id, event.event_id, index + 1)
        })
        .collect()
}

/// It closed once, as its last event, and as its plan has it.
fn end(plan: &Plan, workflow: &WorkflowPlan, run: &Settled) -> Option<String> {
    let closes = run.events.iter().filter(|event| crate::clients::is_close(event.event_type())).count();
    let last = run.events.last().map(HistoryEvent::event_type);
    let times_asked = count(run, EventType::WorkflowExecutionCancelRequested);
    let asked = times_asked > 0;
    let fits = match last {
        Some(EventType::WorkflowExecutionContinuedAsNew) => run.run + 1 < workflow.runs.len(),
        Some(EventType::WorkflowExecutionFailed) => {
            run.run < workflow.retries || workflow.fails && run.run + 1 == workflow.chain()
        }
        Some(EventType::WorkflowExecutionTerminated) => {
            let schedule = plan.schedule_of(run.workflow);
            workflow.terminated.is_some() || schedule.is_some_and(SchedulePlan::makes_room)
        }
        Some(EventType::WorkflowExecutionCompleted) => {
            run.run + 1 == workflow.chain() && !workflow.fails && !(workflow.obeys && asked)
        }
        Some(EventType::WorkflowExecutionCanceled) => workflow.obeys && asked,
        Some(EventType::WorkflowExecutionTimedOut) => workflow.expires_after.is_some(),
        _ => false,
    };
    (closes != 1 || times_asked > 1 || !fits).then(|| {
        format!(
            "{}: {closes} closing events, the last is {last:?}, asked to cancel {times_asked} times",
            run.workflow_id
        )
    })
}

fn is_terminated(run: &Settled) -> bool {
    run.events.last().map(HistoryEvent::event_type) == Some(EventType::WorkflowExecutionTerminated)
}

/// What clients were acknowledged of a workflow's end is in its last run.
fn asked_to_end(
    workflow: &WorkflowPlan,
    ledger: &Ledger,
    windows: &Windows,
    chain: &[&Settled],
) -> Vec<String> {
    let mut broken = Vec::new();
    let Some(last) = chain.last() else { return broken };
    if ledger.terminated.contains(&workflow.id) && !is_terminated(last) {
        broken.push(format!("{}: an acknowledged termination is not there", workflow.id));
    }
    // One that had ended needed no telling.
    let asked = count(last, EventType::WorkflowExecutionCancelRequested) > 0;
    let lost = |at: &&i128| !asked && ended_at(last) > **at + windows.skew();
    if ledger.canceled.get(&workflow.id).filter(lost).is_some() {
        broken.push(format!("{}: an acknowledged request to cancel is not there", workflow.id));
    }
    broken
}

fn operations(plan: &Plan, workflow: &WorkflowPlan, run: &Settled) -> Vec<String> {
    let ops = || workflow.stages(run.run).iter().flatten();
    let planned = |wanted: fn(&Op) -> bool| ops().filter(|op| wanted(op)).count();
    let failing = |op: &&Op| matches!(op, Op::Child(child) if plan.workflows[*child].fails);
    let failing = ops().filter(failing).count();
    let activities = planned(|op| matches!(op, Op::Activity(_)));
    let timers = planned(|op| matches!(op, Op::Timer(_)));
    let children = planned(|op| matches!(op, Op::Child(_)));
    let words = planned(|op| matches!(op, Op::Signal(_)));
    let cancels = planned(|op| matches!(op, Op::Cancel(_)));
    let of = |types: &[EventType]| types.iter().map(|wanted| count(run, *wanted)).sum::<usize>();
    use EventType as E;
    let wanted: [(&str, usize, &[EventType]); 11] = [
        ("activities scheduled", activities, &[E::ActivityTaskScheduled]),
        (
            "activities ended",
            activities,
            &[E::ActivityTaskCompleted, E::ActivityTaskFailed, E::ActivityTaskTimedOut],
        ),
        ("timers started", timers, &[E::TimerStarted]),
        ("timers fired", timers, &[E::TimerFired]),
        ("children initiated", children, &[E::StartChildWorkflowExecutionInitiated]),
        ("children completed", children - failing, &[E::ChildWorkflowExecutionCompleted]),
        ("children failed", failing, &[E::ChildWorkflowExecutionFailed]),
        ("signals to others initiated", words, &[E::SignalExternalWorkflowExecutionInitiated]),
        (
            "signals to others ended",
            words,
            &[E::ExternalWorkflowExecutionSignaled, E::SignalExternalWorkflowExecutionFailed],
        ),
        ("cancels of others initiated", cancels, &[E::RequestCancelExternalWorkflowExecutionInitiated]),
        (
            "cancels of others ended",
            cancels,
            &[E::ExternalWorkflowExecutionCancelRequested, E::RequestCancelExternalWorkflowExecutionFailed],
        ),
    ];
    wanted
        .into_iter()
        .map(|(what, planned, types)| (what, planned, of(types)))
        .filter(|(_, planned, found)| planned != found)
        .map(|(what, planned, found)| format!("{}: {what}: {found} of {planned}", run.workflow_id))
        .collect()
}

/// How often each signal of this name stands in a run, by what it says.
fn said(run: &Settled, name: &str) -> BTreeMap<String, usize> {
    let mut said = BTreeMap::new();
    for event in &run.events {
        if let Some(Event::WorkflowExecutionSignaledEventAttributes(signal)) = &event.attributes
            && signal.signal_name == name
        {
            *said.entry(signal.input.as_ref().map(text_of).unwrap_or_default()).or_default() += 1;
        }
    }
    said
}

/// Signals of clients that were acknowledged stand once in a run. Their request ids are a run's: a client whose answer
/// was lost may reach the next run of a chain with the same signal.
fn signals(workflow: &WorkflowPlan, ledger: &Ledger, chain: &[&Settled]) -> Vec<String> {
    let mut broken = Vec::new();
    let runs: Vec<BTreeMap<String, usize>> = chain.iter().map(|run| said(run, GO)).collect();
    for number in ledger.signalled.get(&workflow.id).into_iter().flatten() {
        let stands: Vec<usize> =
            runs.iter().map(|said| said.get(&number.to_string()).copied().unwrap_or(0)).collect();
        if stands.iter().sum::<usize>() == 0 || stands.iter().any(|times| *times > 1) {
            broken.push(format!("{}: signal {number} stands {stands:?} times", workflow.id));
        }
    }
    broken
}

/// Attempts that the cell counts and no worker ever got. A start whose poller left is taken back, however the store
/// does; only one whose cell was killed, or lost the shard, before its answer left may be lost.
fn lost_attempts(ledger: &Ledger, run: &Settled) -> Vec<String> {
    let mut names: BTreeMap<i64, &str> = BTreeMap::new();
    let mut lost = Vec::new();
    for event in &run.events {
        match event.attributes.as_ref() {
            Some(Event::ActivityTaskScheduledEventAttributes(a)) => {
                names.insert(event.event_id, &a.activity_id);
            }
            Some(Event::ActivityTaskStartedEventAttributes(a)) => {
                let name = names.get(&a.scheduled_event_id).copied().unwrap_or_default();
                let got = |number: &i32| {
                    ledger.handed_out.contains_key(&(run.run_id.clone(), name.to_owned(), *number))
                };
                let missing = (1..=a.attempt).filter(|number| !got(number));
                lost.extend(missing.map(|number| {
                    format!("{}: nobody got attempt {number} of activity {name}", run.workflow_id)
                }));
            }
            _ => {}
        }
    }
    lost
}

/// What a run asked of other workflows reached each once, or not at all where its history says so.
fn to_others(
    plan: &Plan,
    windows: &Windows,
    settled: &[Settled],
    workflow: &WorkflowPlan,
    run: &Settled,
) -> Vec<String> {
    let mut broken = Vec::new();
    let outcomes = outcomes(run);
    let place = if workflow.retries > 0 { 0 } else { run.run };
    for (stage, ops) in workflow.stages(run.run).iter().enumerate() {
        for (index, op) in ops.iter().enumerate() {
            let name = name_of(plan, [place, stage, index], op);
            let Some((reached, at)) = outcomes.get(name.as_str()) else { continue };
            let of = |target: usize| settled.iter().filter(move |other| other.workflow == target);
            match op {
                Op::Signal(target) => {
                    let word = word(&workflow.id, &name);
                    let stands: usize = of(*target).filter_map(|other| said(other, WORD).remove(&word)).sum();
                    if stands != usize::from(*reached) {
                        broken.push(format!("the signal {word} stands {stands} times; reached: {reached}"));
                    }
                }
                Op::Cancel(target) => {
                    // One that has ended already needs no telling, and its asker is told so.
                    let asked = EventType::WorkflowExecutionCancelRequested;
                    let is_asked = |other: &Settled| count(other, asked) > 0;
                    let has_ended = |other: &Settled| ended_at(other) <= *at + windows.skew();
                    if *reached && !of(*target).any(|other| is_asked(other) || has_ended(other)) {
                        broken.push(format!("{}: cancel {name} reached nobody", workflow.id));
                    }
                }
                _ => {}
            }
        }
    }
    broken
}

/// Whether what a run asked of others reached them, and when it heard so, by the names of the operations.
#[allow(deprecated, reason = "the only field of such an event that workers choose")]
fn outcomes(run: &Settled) -> BTreeMap<&str, (bool, i128)> {
    let mut names: BTreeMap<i64, &str> = BTreeMap::new();
    let mut outcomes = BTreeMap::new();
    for event in &run.events {
        let (initiated, reached) = match event.attributes.as_ref() {
            Some(Event::SignalExternalWorkflowExecutionInitiatedEventAttributes(a)) => {
                names.insert(event.event_id, &a.control);
                continue;
            }
            Some(Event::RequestCancelExternalWorkflowExecutionInitiatedEventAttributes(a)) => {
                names.insert(event.event_id, &a.control);
                continue;
            }
            Some(Event::ExternalWorkflowExecutionSignaledEventAttributes(a)) => (a.initiated_event_id, true),
            Some(Event::ExternalWorkflowExecutionCancelRequestedEventAttributes(a)) => {
                (a.initiated_event_id, true)
            }
            Some(Event::SignalExternalWorkflowExecutionFailedEventAttributes(a)) => {
                (a.initiated_event_id, false)
            }
            Some(Event::RequestCancelExternalWorkflowExecutionFailedEventAttributes(a)) => {
                (a.initiated_event_id, false)
            }
            _ => continue,
        };
        if let Some(name) = names.get(&initiated) {
            outcomes.insert(*name, (reached, nanos(event.event_time.as_ref())));
        }
    }
    outcomes
}
