//! What came of a start, or of asking a workflow to make room.

use super::super::Schedule;
use super::super::draft::Draft;
use super::super::effects::About;
use super::super::state::start_of;
use crate::command::{Command, Context, Decision};
use crate::family::{Singleton, SingletonView};
use crate::notice::{Answer, Answered};
use crate::rejection::Rejection;
use atoll_api::temporal::api::enums::v1::WorkflowExecutionStatus as Status;
use atoll_internal_api::schedule::v1::schedule_change::Kind;
use atoll_internal_api::schedule::v1::{self as stored, Asked};

/// Takes an answer in. Repeating it changes nothing.
///
/// A start that was refused (the workflow id is in use) is over, as the original's.
pub(in crate::kinds::schedule) struct TakeAnswer(Answered);

impl From<Answered> for TakeAnswer {
    fn from(answered: Answered) -> Self {
        Self(answered)
    }
}

impl Command for TakeAnswer {
    type Family = Singleton<Schedule>;
    type Reply = ();

    fn decide(self, view: SingletonView<'_, Schedule>, context: &mut Context<'_>) -> Decision<()> {
        let Answered { key, ask_id, answer } = self.0;
        let Some((schedule, state)) = view.if_open() else { return Decision::unchanged(()) };
        // An answer may be late: to what another life of this id asked, or to a request that was outweighed since.
        let asks_this = |about: &About| about.ask_id(state) == Some(ask_id);
        let Some(about) = About::of(key).filter(asks_this) else { return Decision::unchanged(()) };
        let change = match about {
            About::Start(number) => match answer {
                Answer::Postponed(turn) => {
                    Kind::StartPostponed(stored::StartPostponed { number, until_ns: turn.0.max(1) })
                }
                Answer::Started(started) => Kind::StartAnswered(stored::StartAnswered {
                    number,
                    run_id: started.first_execution_run_id.to_string(),
                    at_ns: context.now.0,
                    missed: false,
                }),
                Answer::Done | Answer::Refused(_) => {
                    let missed = state.pending(number).is_some_and(|it| is_missed(it, &answer));
                    Kind::StartAnswered(stored::StartAnswered { number, missed, ..Default::default() })
                }
            },
            About::Running(number) => match state.running(number).filter(|running| running.pending) {
                Some(running) if is_gone(running, &answer) => Kind::WorkflowEnded(stored::WorkflowEnded {
                    workflow_id: running.workflow_id.clone(),
                    run_id: running.run_id.clone(),
                    status: Status::Terminated as i32,
                    ..Default::default()
                }),
                Some(_) => Kind::WorkflowAnswered(stored::WorkflowAnswered { number }),
                None => return Decision::unchanged(()),
            },
        };
        let mut draft = Draft::new(schedule, state, context);
        draft.change(change);
        draft.settle();
        draft.accept(())
    }
}

/// Whether this says that a workflow which was only looked for is not there. One that was asked for more may just have
/// closed: it tells how.
fn is_gone(running: &stored::RunningWorkflow, answer: &Answer) -> bool {
    running.asked() == Asked::Unspecified && matches!(answer, Answer::Refused(Rejection::NotFound(_)))
}

/// Whether this says that a time of the spec came to nothing because it was too late for it. What people asked for is
/// never missed.
fn is_missed(pending: &stored::PendingStart, answer: &Answer) -> bool {
    let is_of_spec = !start_of(pending).manual;
    is_of_spec && pending.finds_only && matches!(answer, Answer::Refused(Rejection::NotFound(_)))
}
