//! `RecordActivityTaskHeartbeat`, by token or by id.

use super::find::{ActivityRef, found};
use crate::command::{Command, Context, Decision};
use crate::draft::Draft;
use crate::family::{View, Workflows};
use atoll_api::temporal::api::common::v1::Payloads;
use atoll_internal_api::log::v1 as log;
use atoll_internal_api::log::v1::change::Kind;
use atoll_internal_api::usage::v1::ActionType;

/// A worker is still at it. Details replace the ones before.
#[derive(Clone, PartialEq, Debug)]
pub struct RecordActivityHeartbeat {
    /// Which.
    pub activity: ActivityRef,
    /// How far it is.
    pub details: Option<Payloads>,
}

/// What a heartbeat answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HeartbeatReply {
    /// Somebody wants the activity to end.
    pub cancel_requested: bool,
}

impl Command for RecordActivityHeartbeat {
    type Family = Workflows;
    type Reply = HeartbeatReply;

    fn decide(self, view: View<'_>, context: &mut Context<'_>) -> Decision<HeartbeatReply> {
        let by_id = matches!(self.activity, ActivityRef::Id(_));
        let (run, activity) = found!(view.activity(&self.activity));
        let mut draft = Draft::new(run, context);
        draft.change(Kind::ActivityHeartbeat(log::ActivityHeartbeat {
            scheduled_event_id: activity.scheduled_event_id,
            at_ns: context.now.0,
            details: self.details,
        }));
        let action =
            if by_id { ActionType::RecordActivityHeartbeatById } else { ActionType::RecordActivityHeartbeat };
        draft.unrecorded(action, 1);
        let reply = HeartbeatReply { cancel_requested: activity.cancel_requested_event_id != 0 };
        draft.accept(reply)
    }
}
