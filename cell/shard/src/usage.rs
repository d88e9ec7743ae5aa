//! The usage of a transition, by the metering rules, before it is appended.

use crate::resident::{Slot, WorkflowKey};
use crate::state::ShardState;
use atoll_internal_api::entity::EntityKind;
use cell_engine::{Time, Transition};
use metering_rules::{Step, StorageBefore, derive as by_the_rules};

/// Fills in what a transition is billed for. Only runs are: a current-run record costs nothing.
pub(crate) fn derive(state: &ShardState, now: Time, transition: &mut Transition) {
    let key = &transition.entity;
    if key.kind != EntityKind::WorkflowRun {
        return;
    }
    let run = state
        .workflows
        .get(&WorkflowKey::of(key))
        .and_then(|workflow| workflow.run(key.run_id))
        .and_then(Slot::resident);
    let before = run.map_or_else(StorageBefore::default, |run| StorageBefore {
        billed_bytes: run.entity.billed_bytes(),
        closed: run.entity.closed(),
    });
    transition.usage = by_the_rules(Step {
        namespace_id: key.namespace_id,
        at_ms: now.millis(),
        events: transition.events.iter().map(|new| &new.event),
        unrecorded: &transition.unrecorded,
        before,
        new_event_bytes: transition.events.iter().map(|new| new.encoded.len() as u64).sum(),
        closes: transition.closes(),
    });
}
