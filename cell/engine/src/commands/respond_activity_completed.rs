//! `RespondActivityTaskCompleted`, by token or by id.

use super::activity_closing::end;
use super::find::{ActivityRef, found};
use crate::command::{Command, Context, Decision};
use crate::draft::Draft;
use crate::family::{View, Workflows};
use atoll_api::temporal::api::common::v1::Payloads;
use atoll_api::temporal::api::enums::v1::EventType;
use atoll_api::temporal::api::history::v1 as history;
use atoll_api::temporal::api::history::v1::history_event::Attributes;

/// An activity succeeded. By id also one that no worker has started.
#[derive(Clone, PartialEq, Debug)]
pub struct RespondActivityCompleted {
    /// Which.
    pub activity: ActivityRef,
    /// Its result.
    pub result: Option<Payloads>,
    /// The worker.
    pub identity: String,
}

impl Command for RespondActivityCompleted {
    type Family = Workflows;
    type Reply = ();

    fn decide(self, view: View<'_>, context: &mut Context<'_>) -> Decision<()> {
        let (run, activity) = found!(view.activity_or_waiting(&self.activity));
        let mut draft = Draft::new(run, context);
        let completed = history::ActivityTaskCompletedEventAttributes {
            result: self.result,
            scheduled_event_id: activity.scheduled_event_id,
            identity: self.identity.clone(),
            ..Default::default()
        };
        let attributes = Attributes::ActivityTaskCompletedEventAttributes(completed);
        end(&mut draft, activity, EventType::ActivityTaskCompleted, attributes, Some(&self.identity));
        draft.accept(())
    }
}
