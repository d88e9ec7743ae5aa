//! What people see of a schedule.

use super::start::paused;
use super::state::State;
use super::{FUTURE_KEPT, RECENT_LISTED, SPECS_LISTED, Schedule, ScheduleTimes};
use crate::time::Time;
use crate::visibility::VisibilityFacts;
use atoll_api::temporal::api::common::v1::{Memo, SearchAttributes, WorkflowExecution};
use atoll_api::temporal::api::enums::v1::WorkflowExecutionStatus as Status;
use atoll_api::temporal::api::schedule::v1 as api;
use atoll_internal_api::entity::schedules as listed;
use std::borrow::Cow;

/// A schedule as it is described.
#[derive(Clone, Debug)]
pub struct ScheduleDescription {
    /// As it is stored, with its state.
    pub schedule: api::Schedule,
    /// What happened, without the times to come.
    pub info: api::ScheduleInfo,
    /// Memo.
    pub memo: Memo,
    /// Search attributes.
    pub search_attributes: SearchAttributes,
    /// Changes with every update, pause and counted action.
    pub conflict_token: i64,
    /// The times to come.
    pub times: ScheduleTimes,
}

impl Schedule {
    /// What people see of it; none where it is not, or no more.
    pub fn describe(&self) -> Option<ScheduleDescription> {
        let state = self.state().filter(|state| !state.closed())?;
        let progress = &state.progress;
        let updated = progress.update_time_ns;
        let running = state.running.iter().map(|running| WorkflowExecution {
            workflow_id: running.workflow_id.clone(),
            run_id: running.run_id.clone(),
        });
        Some(ScheduleDescription {
            schedule: state.plan.schedule(&state.status),
            info: api::ScheduleInfo {
                action_count: progress.action_count,
                missed_catchup_window: progress.missed_catchup_window,
                overlap_skipped: progress.overlap_skipped,
                buffer_dropped: progress.buffer_dropped,
                buffer_size: state.buffered.len() as i64,
                running_workflows: running.collect(),
                recent_actions: state.recent.iter().cloned().collect(),
                create_time: Some(Time(state.life.create_time_ns).to_proto()),
                update_time: (updated != 0).then(|| Time(updated).to_proto()),
                ..Default::default()
            },
            memo: (*state.memo).clone(),
            search_attributes: (*state.search_attributes).clone(),
            conflict_token: progress.conflict_token,
            times: self.times_of(state),
        })
    }

    /// What lists show.
    pub(super) fn facts(&self, state: &State) -> VisibilityFacts {
        let mut memo = state.memo.fields.clone();
        memo.insert(listed::LIST_INFO.to_owned(), listed::list_info_payload(&self.list_info(state)));
        let mut search_attributes = state.search_attributes.indexed_fields.clone();
        search_attributes.insert(listed::PAUSED.to_owned(), paused(state.status.paused));
        let created = Time(state.life.create_time_ns);
        let status = Status::try_from(state.progress.status).unwrap_or(Status::Unspecified);
        VisibilityFacts {
            workflow_type: listed::WORKFLOW_TYPE.to_owned(),
            task_queue: listed::TASK_QUEUE.to_owned(),
            start_time: created,
            execution_time: created,
            close_time: state.closed().then_some(Time(state.progress.close_time_ns)),
            status: if state.closed() { status } else { Status::Running },
            history_length: 0,
            history_size_bytes: 0,
            state_transition_count: state.progress.state_transitions,
            parent: None,
            root: WorkflowExecution { workflow_id: self.key.id.to_string(), run_id: String::new() },
            memo,
            search_attributes,
            division: Some(Cow::Borrowed(listed::DIVISION)),
        }
    }

    fn list_info(&self, state: &State) -> api::ScheduleListInfo {
        let recent = state.recent.iter().skip(state.recent.len().saturating_sub(RECENT_LISTED));
        api::ScheduleListInfo {
            spec: state.plan.canonical_spec().map(|spec| schedule_spec::shown(listed_spec(spec))),
            workflow_type: state.plan.start().and_then(|start| start.workflow_type.clone()),
            notes: state.status.notes.clone(),
            paused: state.status.paused,
            recent_actions: recent.cloned().collect(),
            future_action_times: self.times_of(state).coming_at_once(FUTURE_KEPT),
            ..Default::default()
        }
    }
}

/// The beginning of a spec: no more of it is copied than lists show.
fn listed_spec(spec: &api::ScheduleSpec) -> api::ScheduleSpec {
    let first = |calendars: &[api::StructuredCalendarSpec]| {
        calendars.iter().take(SPECS_LISTED).cloned().collect::<Vec<_>>()
    };
    api::ScheduleSpec {
        structured_calendar: first(&spec.structured_calendar),
        exclude_structured_calendar: first(&spec.exclude_structured_calendar),
        interval: spec.interval.iter().take(SPECS_LISTED).copied().collect(),
        start_time: spec.start_time,
        end_time: spec.end_time,
        jitter: spec.jitter,
        timezone_name: spec.timezone_name.clone(),
        ..Default::default()
    }
}
