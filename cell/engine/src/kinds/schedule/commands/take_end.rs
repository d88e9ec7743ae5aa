//! A workflow that the schedule started came to its end, with all that followed it.

use super::super::draft::Draft;
use super::super::start::reference;
use super::super::state::start_of;
use super::super::{NOTES_LIMIT, Schedule};
use crate::command::{Command, Context, Decision};
use crate::family::{Singleton, SingletonView};
use crate::notice::ChainEnded;
use crate::rejection::Rejection;
use crate::run::closing_status;
use atoll_api::temporal::api::common::v1::Payloads;
use atoll_api::temporal::api::enums::v1::WorkflowExecutionStatus as Status;
use atoll_api::temporal::api::failure::v1::Failure;
use atoll_api::temporal::api::history::v1::HistoryEvent;
use atoll_api::temporal::api::history::v1::history_event::Attributes;
use atoll_internal_api::schedule::v1 as stored;
use atoll_internal_api::schedule::v1::schedule_change::Kind;
use prost::Message;

/// Takes an end in: what it leaves to the next one, whether it pauses the schedule, and that there is room now.
/// Repeating it changes nothing.
///
/// It may come before what came of its start: then it says that, too. The start is not sent again, for its workflow id
/// may be another's by now, and it would begin a second time.
pub(in crate::kinds::schedule) struct TakeEnd(ChainEnded);

impl From<ChainEnded> for TakeEnd {
    fn from(ended: ChainEnded) -> Self {
        Self(ended)
    }
}

impl Command for TakeEnd {
    type Family = Singleton<Schedule>;
    type Reply = ();

    fn decide(self, view: SingletonView<'_, Schedule>, context: &mut Context<'_>) -> Decision<()> {
        let ended = self.0;
        // Who tells does not tell again: a stale owner, who may not have heard of the start, must not take it in.
        let nothing_to_do = || Decision::unchanged(()).by_owner_only();
        let Some((schedule, state)) = view.if_open() else { return nothing_to_do() };
        let began =
            |pending: &&stored::PendingStart| reference(state, start_of(pending).number) == ended.reference;
        let began = state.starting.iter().find(began);
        let Some(end) = End::of(&ended) else {
            return Decision::reject(Rejection::InvalidArgument("closing event does not decode".into()));
        };
        let run_id = ended.first_run_id.to_string();
        let runs = state.running.iter().any(|running| reference(state, running.number) == ended.reference);
        let matters = runs || began.is_some_and(|pending| !pending.overlapping);
        let shown = state.recent.iter().any(|action| {
            let started = action.start_workflow_result.as_ref();
            action.start_workflow_status == Status::Running as i32
                && started.is_some_and(|started| started.run_id == run_id)
        });
        if began.is_none() && !matters && !shown {
            return nothing_to_do();
        }
        let answered = began.map(|pending| stored::StartAnswered {
            number: start_of(pending).number,
            run_id: run_id.clone(),
            at_ns: context.now.0,
            missed: false,
        });
        let note = end.note(&ended.workflow_id).filter(|_| matters && state.plan.pauses_on_failure());
        let mut draft = Draft::new(schedule, state, context);
        // What came due before is dealt with as the schedule was.
        draft.walk();
        answered.into_iter().for_each(|answered| draft.change(Kind::StartAnswered(answered)));
        draft.change(Kind::WorkflowEnded(stored::WorkflowEnded {
            workflow_id: ended.workflow_id.to_string(),
            run_id,
            status: end.status as i32,
            result: end.result.filter(|_| matters),
            failure: end.failure.filter(|_| matters),
        }));
        if let Some(note) = note.filter(|_| !draft.state.status.paused) {
            draft.set_state(|state| (state.paused, state.notes) = (true, note));
        }
        draft.settle();
        draft.accept(())
    }
}

/// How a workflow ended.
struct End {
    status: Status,
    result: Option<Payloads>,
    failure: Option<Failure>,
}

impl End {
    fn of(ended: &ChainEnded) -> Option<Self> {
        let event = HistoryEvent::decode(ended.close_event.clone()).ok()?;
        let status = closing_status(event.event_type())?;
        let (result, failure) = match event.attributes? {
            Attributes::WorkflowExecutionCompletedEventAttributes(completed) => (completed.result, None),
            Attributes::WorkflowExecutionFailedEventAttributes(failed) => (None, failed.failure),
            _ => (None, None),
        };
        Some(Self { status, result, failure })
    }

    /// Why it pauses a schedule that pauses on failure, if it does.
    fn note(&self, workflow_id: &str) -> Option<String> {
        let mut note = match self.status {
            Status::Failed => {
                let message = self.failure.as_ref().map(|failure| failure.message.as_str());
                format!("paused due to workflow failure: {workflow_id}: {}", message.unwrap_or_default())
            }
            Status::TimedOut => format!("paused due to workflow timeout: {workflow_id}"),
            _ => return None,
        };
        note.truncate(note.floor_char_boundary(NOTES_LIMIT));
        Some(note)
    }
}
