//! The usage of a transition, by the metering rules, before it is appended.

use super::table::EntityTable;
use cell_engine::{NewEvent, Time, Transition};
use metering_rules::{Step, StorageBefore, derive as by_the_rules};

/// Fills in what a transition is billed for.
pub(crate) fn derive(table: &EntityTable, now: Time, transition: &mut Transition) {
    let key = &transition.entity;
    let before = table.get(key).map_or_else(StorageBefore::default, |resident| StorageBefore {
        billed_bytes: resident.entity.billed_bytes(),
        closed: resident.entity.closed(),
    });
    transition.usage = by_the_rules(Step {
        namespace_id: key.namespace_id,
        at_ms: now.millis(),
        events: transition.events.iter().map(|new| &new.event),
        unrecorded: &transition.unrecorded,
        before,
        new_event_bytes: transition.events.iter().map(NewEvent::stored_bytes).sum(),
        closes: transition.closes(),
    });
}
