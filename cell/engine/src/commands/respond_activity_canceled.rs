//! `RespondActivityTaskCanceled`, by token or by id.

use super::activity_closing::end;
use super::find::{ActivityRef, found};
use crate::command::{Command, Context, Decision};
use crate::draft::Draft;
use crate::family::{View, Workflows};
use crate::rejection::Rejection;
use atoll_api::temporal::api::common::v1::Payloads;
use atoll_api::temporal::api::enums::v1::EventType;
use atoll_api::temporal::api::history::v1 as history;
use atoll_api::temporal::api::history::v1::history_event::Attributes;

/// An activity gave in to a cancel request. Without one it may not.
#[derive(Clone, PartialEq, Debug)]
pub struct RespondActivityCanceled {
    /// Which.
    pub activity: ActivityRef,
    /// What it leaves behind.
    pub details: Option<Payloads>,
    /// The worker.
    pub identity: String,
}

impl Command for RespondActivityCanceled {
    type Family = Workflows;
    type Reply = ();

    fn decide(self, view: View<'_>, context: &mut Context<'_>) -> Decision<()> {
        let (run, activity) = found!(view.activity(&self.activity));
        if activity.cancel_requested_event_id == 0 {
            return Decision::reject(Rejection::InvalidArgument(crate::texts::NOT_CANCEL_REQUESTED.into()));
        }
        let mut draft = Draft::new(run, context);
        let canceled = history::ActivityTaskCanceledEventAttributes {
            details: self.details,
            latest_cancel_requested_event_id: activity.cancel_requested_event_id,
            scheduled_event_id: activity.scheduled_event_id,
            identity: self.identity,
            ..Default::default()
        };
        let attributes = Attributes::ActivityTaskCanceledEventAttributes(canceled);
        end(&mut draft, activity, EventType::ActivityTaskCanceled, attributes, None);
        draft.accept(())
    }
}
