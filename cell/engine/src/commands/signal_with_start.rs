//! `SignalWithStartWorkflowExecution`.

use super::signal_workflow::SignalWorkflow;
use super::start_workflow::{StartReply, StartWorkflow};
use crate::command::{Command, Context, Decision, Origin};
use crate::family::{View, Workflows};
use atoll_api::temporal::api::enums::v1::WorkflowIdConflictPolicy as Conflict;

/// Signals the running workflow; where none runs, starts one whose first event is the signal, in one record. The
/// start's request id is the signal's, too: a repetition of either changes nothing. A run whose first workflow task
/// waits waits no longer.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct SignalWithStart {
    /// What to start where nothing runs. Policies say what becomes of a run that is there.
    pub start: StartWorkflow,
    /// The signal.
    pub signal: SignalWorkflow,
}

impl Command for SignalWithStart {
    type Family = Workflows;
    /// `started` says whether this started the run.
    type Reply = StartReply;

    fn origin(&self) -> Origin {
        Origin::Client
    }

    fn decide(self, view: View<'_>, context: &mut Context<'_>) -> Decision<StartReply> {
        let terminates = self.start.id_conflict_policy == Conflict::TerminateExisting as i32;
        let runs = view.run.is_some_and(|run| !run.closed());
        let Some(current) = view.current.filter(|_| runs) else {
            return StartWorkflow { first_signal: Some(Box::new(self.signal)), ..self.start }
                .decide(view, context);
        };
        let reply = StartReply {
            run_id: current.run_id(),
            first_execution_run_id: current.first_execution_run_id(),
            started: current.start_request_id() == self.start.request_id,
            status: current.status(),
        };
        if reply.started {
            return Decision::unchanged(reply);
        }
        if terminates || self.start.terminates_running() {
            return StartWorkflow { first_signal: Some(Box::new(self.signal)), ..self.start }
                .decide(view, context);
        }
        let signal = SignalWorkflow { ends_backoff: true, ..self.signal };
        let Decision { transitions, answer, release } = signal.decide(view, context);
        Decision { transitions, answer: answer.map(|()| reply), release }
    }
}
