//! A child may go on: its parent has recorded its start.

use super::find::found;
use crate::command::{Command, Context, Decision, Origin};
use crate::draft::Draft;
use crate::family::{View, Workflows};
use atoll_internal_api::log::v1 as log;
use atoll_internal_api::log::v1::change::Kind;

/// Schedules the first workflow task of a child. Repeating it changes nothing, also after it closed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReleaseFirstWorkflowTask;

impl Command for ReleaseFirstWorkflowTask {
    type Family = Workflows;
    type Reply = ();

    fn origin(&self) -> Origin {
        Origin::Cell
    }

    fn decide(self, view: View<'_>, context: &mut Context<'_>) -> Decision<()> {
        let run = found!(view.existing());
        if run.closed() || !run.info.first_task_held {
            return Decision::unchanged(());
        }
        let mut draft = Draft::new(run, context);
        if run.info.first_task_at_ns == 0 {
            draft.schedule_task();
        }
        draft.change(Kind::FirstTaskReleased(log::FirstTaskReleased {}));
        draft.accept(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::NamespaceConfig;
    use crate::commands::Wake;
    use crate::draft::{Birth, Extras};
    use crate::ids::IdSource;
    use crate::limits::Limits;
    use crate::notice::Grace;
    use crate::run::Run;
    use crate::time::Time;
    use atoll_api::temporal::api::enums::v1::EventType;
    use atoll_api::temporal::api::history::v1::WorkflowExecutionStartedEventAttributes;
    use atoll_internal_api::entity::EntityKey;
    use uuid::Uuid;

    const SECOND: i64 = 1_000_000_000;

    /// A child whose first workflow task is held and has to wait for five seconds, too.
    fn held() -> Run {
        let key = EntityKey::run(Uuid::from_u128(1), "w", Uuid::from_u128(2));
        let attributes = WorkflowExecutionStartedEventAttributes {
            first_workflow_task_backoff: Some(prost_types::Duration { seconds: 5, nanos: 0 }),
            ..Default::default()
        };
        let opened = log::RunOpened { first_task_held: true, ..Default::default() };
        let first_run_id = Uuid::from_u128(2);
        let birth = Birth {
            key: key.clone(),
            attributes,
            extras: Extras::default(),
            opened,
            first_run_id,
            first_signal: None,
        };
        let mut run = Run::new(key);
        run.apply(&birth.transitions(Time(SECOND), &Limits::default())[0]);
        run
    }

    /// Decides a command at that second and applies it; answers the events.
    fn ask<C: Command<Family = Workflows>>(run: &mut Run, second: i64, command: C) -> Vec<EventType> {
        let (workflow_id, mut ids) = ("w".into(), IdSource::new(1));
        let namespace = NamespaceConfig { id: Uuid::from_u128(1), name: "n".into(), retention_nanos: 1 };
        let view =
            View { namespace_id: namespace.id, workflow_id: &workflow_id, current: None, run: Some(&*run) };
        let mut context = Context {
            now: Time(second * SECOND),
            ids: &mut ids,
            limits: &Limits::default(),
            namespace: &namespace,
        };
        let decided = command.decide(view, &mut context).transitions;
        let Some(transition) = decided.first() else { return Vec::new() };
        run.apply(transition);
        assert_eq!(run.wake(), run.recomputed_wake());
        transition.events.iter().map(|new| new.event.event_type()).collect()
    }

    const WAKE: Wake = Wake { grace: Grace::NONE };

    #[test]
    fn a_held_task_whose_time_has_come_is_scheduled_once_and_not_before_it_is_let_go() {
        let mut run = held();
        assert_eq!(run.wake(), None, "no moment brings it");
        assert_eq!(ask(&mut run, 7, WAKE), []);
        assert_eq!(ask(&mut run, 8, ReleaseFirstWorkflowTask), []);
        assert_eq!(run.wake(), Some(Time(6 * SECOND)), "it is overdue");
        assert_eq!(ask(&mut run, 8, WAKE), [EventType::WorkflowTaskScheduled]);
        assert_eq!((ask(&mut run, 9, WAKE), run.wake()), (vec![], None));
        assert_eq!(ask(&mut run, 9, ReleaseFirstWorkflowTask), []);
    }

    #[test]
    fn a_task_that_is_let_go_early_waits_for_its_time() {
        let mut run = held();
        assert_eq!(ask(&mut run, 2, ReleaseFirstWorkflowTask), []);
        assert_eq!(ask(&mut run, 5, WAKE), []);
        assert_eq!(ask(&mut run, 6, WAKE), [EventType::WorkflowTaskScheduled]);
    }
}
