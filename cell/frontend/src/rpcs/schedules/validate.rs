//! The rules of schedules. What every start of a schedule would be refused for is refused here, once.

use crate::errors;
use crate::frontend::Frontend;
use crate::namespaces::Namespace;
use crate::validate::{priority, size};
use atoll_api::call::Status;
use atoll_api::temporal::api::common::v1::SearchAttributes;
use atoll_api::temporal::api::enums::v1::WorkflowIdReusePolicy;
use atoll_api::temporal::api::schedule::v1::schedule_action::Action;
use atoll_api::temporal::api::schedule::v1::{Schedule, SchedulePatch, ScheduleSpec};
use atoll_api::temporal::api::workflow::v1::NewWorkflowExecutionInfo;
use atoll_internal_api::entity::schedules::WORKFLOW_ID_PREFIX;
use atoll_internal_api::{duration, retry_policy};
use atoll_rpc::wire_time;
use prost::Message;
use prost_types::{Duration, Timestamp};
use schedule_spec::{Spec, canonical};

/// Bytes of what is said of a schedule: at its creation, in an update, of a pause or of its end. The original looks at
/// those of patches alone; all of them are written with every action.
const NOTES_BYTES: usize = 1_000;
/// Backfills of a patch: no more are kept at a time. The original takes any number, and drops those beyond it.
const MAX_BACKFILLS: usize = 100;
/// What a start puts behind the workflow id: `-2009-11-10T23:00:00Z`.
const NOMINAL_TIME_BYTES: usize = 21;

impl Frontend {
    /// The id of a schedule counts with what lists put before it.
    pub(crate) fn check_schedule_id(&self, schedule_id: &str) -> Result<(), Status> {
        self.check_long_id(WORKFLOW_ID_PREFIX.len() + schedule_id.len())
    }

    fn check_long_id(&self, bytes: usize) -> Result<(), Status> {
        if bytes > self.config.id_length {
            return Err(Status::invalid_argument("WorkflowId length exceeds limit."));
        }
        Ok(())
    }

    /// Checks what a schedule is, with search attributes of its own, and makes its spec canonical. A missing one is one
    /// that never acts. Its encoded length.
    pub(crate) fn settle_schedule(
        &self,
        namespace: &Namespace,
        schedule: &mut Option<Schedule>,
        attributes: Option<&mut SearchAttributes>,
    ) -> Result<usize, Status> {
        let schedule = schedule.get_or_insert_default();
        let spec = schedule.spec.get_or_insert_default();
        check_time("StartTime", spec.start_time.as_ref())?;
        check_time("EndTime", spec.end_time.as_ref())?;
        show_durations(spec);
        *spec = settled_spec(spec)?;
        check_notes(schedule.state.iter().map(|state| &state.notes))?;
        self.settle_search_attributes(namespace, attributes).map_err(Status::invalid_argument)?;
        let action = schedule.action.as_mut().and_then(|action| action.action.as_mut());
        if let Some(Action::StartWorkflow(start)) = action {
            self.settle_scheduled_start(namespace, start)?;
        }
        Ok(schedule.encoded_len())
    }

    /// The start that a schedule makes, with a time behind its workflow id.
    fn settle_scheduled_start(
        &self,
        namespace: &Namespace,
        start: &mut NewWorkflowExecutionInfo,
    ) -> Result<(), Status> {
        self.check_long_id(start.workflow_id.len().saturating_add(NOMINAL_TIME_BYTES))?;
        let workflow_type = start.workflow_type.as_ref().map_or("", |kind| &kind.name);
        self.check_required("WorkflowType", workflow_type)?;
        if start.task_queue.as_ref().is_some_and(|queue| queue.name.is_empty()) {
            return Err(Status::invalid_argument("missing task queue name"));
        }
        self.settle_task_queue(&mut start.task_queue)?;
        for (name, timeout) in [
            ("WorkflowExecutionTimeoutSeconds", &mut start.workflow_execution_timeout),
            ("WorkflowRunTimeoutSeconds", &mut start.workflow_run_timeout),
            ("WorkflowTaskTimeoutSeconds", &mut start.workflow_task_timeout),
        ] {
            duration::settle(timeout).map_err(|cause| {
                Status::invalid_argument(format!("An invalid {name} is set on request. cause: {cause}"))
            })?;
        }
        if !start.cron_schedule.is_empty() {
            return Err(Status::invalid_argument("Scheduled workflow must not contain CronSchedule"));
        }
        if !matches!(
            start.workflow_id_reuse_policy(),
            WorkflowIdReusePolicy::Unspecified | WorkflowIdReusePolicy::AllowDuplicate
        ) {
            return Err(Status::invalid_argument(
                "Scheduled workflow must not contain WorkflowIDReusePolicy",
            ));
        }
        self.settle_search_attributes(namespace, start.search_attributes.as_mut())
            .map_err(Status::invalid_argument)?;
        if let Some(policy) = &mut start.retry_policy {
            let settled = retry_policy::settled(policy).map_err(Status::invalid_argument)?;
            for (given, settled) in [
                (&mut policy.initial_interval, settled.initial_interval),
                (&mut policy.maximum_interval, settled.maximum_interval),
            ] {
                // What was left out stays so: each start fills it in.
                if given.is_some_and(|given| given != Duration::default()) {
                    *given = settled;
                }
            }
        }
        priority::check(start.priority.as_ref())?;
        size::check_user_metadata(start.user_metadata.as_ref())?;
        self.check_memo(start.memo.as_ref())?;
        size::check_values("Scheduled workflow", Some(&*start))?;
        if start.versioning_override.is_some() && !self.features.worker_deployments {
            return Err(errors::unsupported("versioning_override"));
        }
        Ok(())
    }

    /// Checks a patch, and dates what it triggers.
    pub(crate) fn settle_patch(&self, patch: &mut SchedulePatch) -> Result<(), Status> {
        check_notes([&patch.pause, &patch.unpause])?;
        if patch.backfill_request.len() > MAX_BACKFILLS {
            let text = format!("Patch has more than {MAX_BACKFILLS} backfill requests.");
            return Err(Status::invalid_argument(text));
        }
        for range in &patch.backfill_request {
            check_time("StartTime", range.start_time.as_ref())?;
            check_time("EndTime", range.end_time.as_ref())?;
        }
        if let Some(trigger) = &mut patch.trigger_immediately {
            check_time("ScheduledTime", trigger.scheduled_time.as_ref())?;
            trigger.scheduled_time.get_or_insert_with(|| wire_time::from_instant(self.clock.now()));
        }
        Ok(())
    }
}

/// A time that may be missing, but not be none.
pub(crate) fn check_time(field: &str, time: Option<&Timestamp>) -> Result<(), Status> {
    match time.map(wire_time::millis) {
        Some(Err(error)) => Err(Status::invalid_argument(format!("{field} {error}."))),
        _ => Ok(()),
    }
}

fn check_notes<'a>(notes: impl IntoIterator<Item = &'a String>) -> Result<(), Status> {
    if notes.into_iter().any(|notes| notes.len() > NOTES_BYTES) {
        return Err(Status::invalid_argument("Schedule notes exceeds limit."));
    }
    Ok(())
}

/// The original takes any jitter, interval and phase, and keeps it as it came, also where no list can show it as JSON
/// then.
fn show_durations(spec: &mut ScheduleSpec) {
    let intervals = spec.interval.iter_mut().flat_map(|it| [&mut it.interval, &mut it.phase]);
    for duration in intervals.chain([&mut spec.jitter]) {
        *duration = duration.map(duration::shown);
    }
}

fn settled_spec(spec: &ScheduleSpec) -> Result<ScheduleSpec, Status> {
    let settled = canonical(spec).and_then(|spec| Spec::of_canonical(&spec).map(|_| spec));
    settled.map_err(|error| Status::invalid_argument(format!("Invalid schedule spec: {error}")))
}
