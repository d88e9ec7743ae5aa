//! The kinds of entities that a cell hosts: what a kind is stands in its folder, that it is there stands here.
//!
//! Workflows fill the crate: a run is `run`, its commands are `commands`, what a step of it writes is `draft`.

mod schedule;

pub use schedule::{
    CreateSchedule, DeleteSchedule, PatchSchedule, Schedule, ScheduleDescription, ScheduleLook,
    ScheduleTimes, ScheduleWalk, UpdateSchedule,
};

use crate::commands::{BackOffMessage, RecordChildClosed, Wake};
use crate::current_run::CurrentRun;
use crate::registry::{Kind, Registry};
use crate::run::Run;
use atoll_internal_api::entity::EntityKind;

impl Default for Registry {
    /// The kinds of the product: one line for each.
    fn default() -> Self {
        Self::of([
            Kind::of::<CurrentRun>(EntityKind::CURRENT_RUN),
            Kind::of::<Run>(EntityKind::WORKFLOW_RUN)
                .woken_by::<Wake>()
                .backs_off_by::<BackOffMessage>()
                .told_of_ends_by::<RecordChildClosed>()
                .named_by(EntityKind::CURRENT_RUN)
                .with_history(),
            schedule::kind(),
        ])
    }
}
