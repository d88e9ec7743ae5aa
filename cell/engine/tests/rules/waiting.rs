//! How much may wait while a workflow task is in a worker's hands.

use crate::life::Life;
use atoll_api::temporal::api::common::v1::{Payload, Payloads};
use atoll_api::temporal::api::enums::v1::EventType as E;
use atoll_api::temporal::api::enums::v1::WorkflowTaskFailedCause as Cause;
use atoll_api::temporal::api::history::v1::HistoryEvent;
use atoll_api::temporal::api::history::v1::history_event::Attributes as A;
use cell_engine::commands::*;
use cell_engine::{Rejection, Standing};
use prost::Message;

/// What is written when too much waits: the next attempt is a mere retry, which is not in history until it is taken.
const FORCED: [E; 4] = [
    E::WorkflowTaskFailed,
    E::WorkflowExecutionSignaled,
    E::WorkflowExecutionSignaled,
    E::WorkflowExecutionSignaled,
];

fn forced(life: &Life) -> bool {
    life.history.iter().any(|event| match &event.attributes {
        Some(A::WorkflowTaskFailedEventAttributes(failed)) => failed.cause() == Cause::ForceCloseCommand,
        _ => false,
    })
}

fn signal(life: &mut Life, bytes: usize) {
    let input = Payloads { payloads: vec![Payload { data: vec![7; bytes].into(), ..Default::default() }] };
    life.ask(SignalWorkflow { name: "s".into(), input: Some(input), ..Default::default() })
        .expect("it is open");
}

#[test]
fn one_event_too_many_fails_the_task_and_shows_everything_to_its_next_attempt() {
    let mut life = Life::started();
    life.limits.buffered_events = 2;
    let task = life.take_task();
    life.news();
    life.signal();
    life.signal();
    assert_eq!(life.news(), [], "as many as may wait");
    life.signal();
    assert_eq!(life.news(), FORCED);
    assert!(forced(&life));
    assert_eq!(life.task(), Some((2, Standing::Transient)), "it counts as a failed attempt");
    let gone = Err(Rejection::NotFound("Workflow task not found.".into()));
    assert_eq!(life.complete(task, Vec::new()), gone, "the worker's hold has ended");
    life.signal();
    assert_eq!(life.news(), [E::WorkflowExecutionSignaled], "nothing waits any more");
    life.run_task(Vec::new());
    assert!(life.task().is_none());
}

#[test]
fn one_byte_too_many_does_so_too() {
    // Long enough that one more makes no length longer.
    const BYTES: usize = 1_000;
    let limit = 3 * waiting_bytes(BYTES);
    for (third, too_many) in [(BYTES, false), (BYTES + 1, true)] {
        let mut life = Life::started();
        life.limits.buffered_bytes = limit;
        life.take_task();
        life.news();
        for bytes in [BYTES, BYTES, third] {
            signal(&mut life, bytes);
        }
        assert_eq!(life.news(), if too_many { FORCED.to_vec() } else { Vec::new() }, "{third} bytes");
        assert_eq!(forced(&life), too_many);
    }
}

/// Of the event of such a signal while it waits.
fn waiting_bytes(input: usize) -> usize {
    let mut life = Life::started();
    signal(&mut life, input);
    // Its ids it gets when it is written.
    HistoryEvent { event_id: 0, task_id: 0, ..life.last().clone() }.encoded_len()
}

#[test]
fn what_waits_already_is_no_matter_to_a_step_that_adds_nothing_to_it() {
    let mut life = Life::started();
    let task = life.take_task();
    life.signal();
    life.signal();
    life.limits.buffered_events = 1;
    life.news();
    life.complete(task, Vec::new()).expect("its worker still has it");
    let signals = [E::WorkflowExecutionSignaled, E::WorkflowExecutionSignaled];
    assert_eq!(
        life.news(),
        [&[E::WorkflowTaskCompleted][..], &signals, &[E::WorkflowTaskScheduled]].concat()
    );
}
