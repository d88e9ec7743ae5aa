//! `RespondActivityTaskFailed`, by token or by id.

use super::activity_closing::{end, retry};
use super::find::{ActivityRef, found};
use crate::command::{Command, Context, Decision};
use crate::draft::Draft;
use crate::family::{View, Workflows};
use atoll_api::temporal::api::common::v1::Payloads;
use atoll_api::temporal::api::enums::v1::EventType;
use atoll_api::temporal::api::failure::v1::Failure;
use atoll_api::temporal::api::history::v1 as history;
use atoll_api::temporal::api::history::v1::history_event::Attributes;
use atoll_internal_api::log::v1 as log;
use atoll_internal_api::log::v1::change::Kind;

/// An attempt failed: it is retried by its policy, or the activity ends.
#[derive(Clone, PartialEq, Debug)]
pub struct RespondActivityFailed {
    /// Which.
    pub activity: ActivityRef,
    /// What went wrong.
    pub failure: Option<Failure>,
    /// The worker.
    pub identity: String,
    /// A last heartbeat, so that it is not lost with the attempt.
    pub last_heartbeat_details: Option<Payloads>,
}

impl Command for RespondActivityFailed {
    type Family = Workflows;
    type Reply = ();

    fn decide(self, view: View<'_>, context: &mut Context<'_>) -> Decision<()> {
        let (run, activity) = found!(view.activity(&self.activity));
        let mut draft = Draft::new(run, context);
        if self.last_heartbeat_details.is_some() {
            draft.change(Kind::ActivityHeartbeat(log::ActivityHeartbeat {
                scheduled_event_id: activity.scheduled_event_id,
                at_ns: context.now.0,
                details: self.last_heartbeat_details,
            }));
        }
        let Err(retry_state) = retry(&mut draft, activity, self.failure.as_ref()) else {
            return draft.accept(());
        };
        let failed = history::ActivityTaskFailedEventAttributes {
            failure: self.failure,
            scheduled_event_id: activity.scheduled_event_id,
            identity: self.identity,
            retry_state: retry_state as i32,
            ..Default::default()
        };
        let attributes = Attributes::ActivityTaskFailedEventAttributes(failed);
        let mut ended = Draft::new(run, context);
        end(&mut ended, activity, EventType::ActivityTaskFailed, attributes, None);
        ended.accept(())
    }
}
