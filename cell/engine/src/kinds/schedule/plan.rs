//! What a schedule is to do and when, as the client said it.

use super::held;
use crate::run::{duration, nanos};
use atoll_api::temporal::api::enums::v1::ScheduleOverlapPolicy as Overlap;
use atoll_api::temporal::api::schedule::v1::schedule_action::Action;
use atoll_api::temporal::api::schedule::v1::{Schedule, SchedulePolicies, ScheduleSpec, ScheduleState};
use atoll_api::temporal::api::workflow::v1::NewWorkflowExecutionInfo;
use schedule_spec::{Spec, SpecError};

/// How far behind a time may be acted on, where the policies do not say, and at least, nanoseconds.
const CATCHUP_DEFAULT: i64 = 365 * 24 * 3_600 * 1_000_000_000;
const CATCHUP_LEAST: i64 = 10 * 1_000_000_000;

/// Spec, action and policies, ready for use. They change together.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// Without its state.
    schedule: Schedule,
    pub(crate) spec: Spec,
    /// Of both, in memory. They do not change.
    held_bytes: usize,
}

/// A client's schedule as it is kept: its spec in canonical form, and what it leaves out filled in. Whether the spec's
/// zone is known turns out with its plan.
pub(crate) fn settled(mut schedule: Schedule) -> Result<Schedule, SpecError> {
    let spec = schedule_spec::canonical(&schedule.spec.take().unwrap_or_default())?;
    let policies = schedule.policies.take().unwrap_or_default();
    let window = policies.catchup_window.as_ref().map(|window| nanos(Some(window)));
    Ok(Schedule {
        spec: Some(spec),
        action: Some(schedule.action.take().unwrap_or_default()),
        policies: Some(SchedulePolicies {
            overlap_policy: named(policies.overlap_policy).unwrap_or(Overlap::Skip) as i32,
            catchup_window: Some(duration(window.unwrap_or(CATCHUP_DEFAULT).max(CATCHUP_LEAST))),
            ..policies
        }),
        state: Some(schedule.state.take().unwrap_or_default()),
    })
}

/// A policy that says something.
fn named(policy: i32) -> Option<Overlap> {
    Overlap::try_from(policy).ok().filter(|policy| *policy != Overlap::Unspecified)
}

impl Plan {
    /// The plan of a settled schedule, and how much that may do. An error where its spec does not compile, also one
    /// that was taken and does not any more: as one that names nothing it would close by itself.
    pub(crate) fn of(mut schedule: Schedule) -> Result<(Self, ScheduleState), SpecError> {
        let state = schedule.state.take().unwrap_or_default();
        let spec = schedule.spec.as_ref().map(Spec::of_stored).transpose()?.unwrap_or_default();
        let canonical = schedule.spec.as_ref().map_or(0, schedule_spec::held_bytes);
        let action = schedule.action.as_ref().map_or(0, held::message);
        let held_bytes = canonical + spec.held_bytes() + action;
        Ok((Self { schedule, spec, held_bytes }, state))
    }

    /// Bytes of memory that it takes beside itself.
    pub(super) fn held_bytes(&self) -> usize {
        self.held_bytes
    }

    /// When it acts, in canonical form.
    pub(crate) fn canonical_spec(&self) -> Option<&ScheduleSpec> {
        self.schedule.spec.as_ref()
    }

    /// As the client sees it.
    pub(crate) fn schedule(&self, state: &ScheduleState) -> Schedule {
        Schedule { state: Some(state.clone()), ..self.schedule.clone() }
    }

    fn policies(&self) -> SchedulePolicies {
        self.schedule.policies.unwrap_or_default()
    }

    /// What is started; none where nothing is.
    pub(crate) fn start(&self) -> Option<&NewWorkflowExecutionInfo> {
        let Some(Action::StartWorkflow(start)) = self.schedule.action.as_ref()?.action.as_ref() else {
            return None;
        };
        Some(start)
    }

    /// By how much a time may be late at most, milliseconds.
    pub(crate) fn jitter_ms(&self) -> i64 {
        nanos(self.schedule.spec.as_ref().and_then(|spec| spec.jitter.as_ref())).max(0) / 1_000_000
    }

    /// How far behind a time may be acted on, nanoseconds.
    pub(crate) fn catchup_nanos(&self) -> i64 {
        self.policies().catchup_window.as_ref().map_or(CATCHUP_DEFAULT, |window| nanos(Some(window)))
    }

    /// Whether the failure of a workflow pauses the schedule.
    pub(crate) fn pauses_on_failure(&self) -> bool {
        self.policies().pause_on_failure
    }

    /// Whether workflows keep the id of the action.
    pub(crate) fn keeps_workflow_id(&self) -> bool {
        self.policies().keep_original_workflow_id
    }

    /// A start's own policy, or else the schedule's.
    pub(crate) fn overlap(&self, asked: i32) -> Overlap {
        named(asked).or(named(self.policies().overlap_policy)).unwrap_or(Overlap::Skip)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use atoll_api::temporal::api::common::v1::{Payload, Payloads};
    use atoll_api::temporal::api::schedule::v1::{IntervalSpec, ScheduleAction};

    #[test]
    fn a_plan_holds_its_spec_in_both_forms_and_its_action() {
        let interval = IntervalSpec { interval: Some(duration(60_000_000_000)), ..Default::default() };
        let spec = Some(ScheduleSpec { interval: vec![interval; 3], ..Default::default() });
        let payload = Payload { data: vec![7; 100].into(), ..Default::default() };
        let start = NewWorkflowExecutionInfo {
            input: Some(Payloads { payloads: vec![payload] }),
            ..Default::default()
        };
        let action = ScheduleAction { action: Some(Action::StartWorkflow(start)) };
        let held = |schedule| Plan::of(schedule).expect("it compiles").0.held_bytes();
        let whole = Schedule { spec: spec.clone(), action: Some(action.clone()), ..Default::default() };
        let compiled = Plan::of(whole.clone()).expect("it compiles").0.spec.held_bytes();
        let both_forms = 3 * size_of::<IntervalSpec>() + compiled;
        assert!(compiled > 0);
        assert_eq!(held(Schedule { spec, ..Default::default() }), both_forms);
        assert_eq!(held(whole), both_forms + held::message(&action));
    }

    #[test]
    fn a_policy_that_says_nothing_is_to_skip() {
        for (asked, kept) in
            [(Overlap::Unspecified as i32, Overlap::Skip), (99, Overlap::Skip), (3, Overlap::BufferAll)]
        {
            let policies = SchedulePolicies { overlap_policy: asked, ..Default::default() };
            let schedule = settled(Schedule { policies: Some(policies), ..Default::default() });
            let policies = schedule.expect("no spec is a good one").policies.expect("filled in");
            assert_eq!(policies.overlap_policy, kept as i32, "{asked}");
        }
    }
}
