//! Messages to other workflows, drawn at random.

use crate::answers::{bulk, command};
use crate::step::{Pick, pick};
use crate::told::Told;
use crate::world::World;
use atoll_api::temporal::api::command::v1::command::Attributes as A;
use atoll_api::temporal::api::command::v1::{self as wanted, Command};
use atoll_api::temporal::api::common::v1::WorkflowExecution;
use atoll_api::temporal::api::enums::v1::{
    CancelExternalWorkflowExecutionFailedCause as CancelFailed, CommandType as C,
    SignalExternalWorkflowExecutionFailedCause as SignalFailed,
};
use cell_engine::commands::{RecordExternalCancel, RecordExternalSignal};
use proptest::prelude::*;
use std::sync::Arc;

/// What came of a message.
#[derive(Clone, Copy, Debug)]
struct Answered {
    message: Pick,
    cancel: bool,
    arrived: bool,
}

pub(crate) fn any_answered() -> impl Strategy<Value = Arc<dyn Told>> {
    (pick(), any::<bool>(), prop::bool::weighted(0.6)).prop_map(|(message, cancel, arrived)| {
        Arc::new(Answered { message, cancel, arrived }) as Arc<dyn Told>
    })
}

/// The command that signals another workflow or asks it to cancel; some name nobody.
pub(crate) fn tell(id: u8, cancel: bool) -> Command {
    let workflow_id = if id == 9 { String::new() } else { format!("other-{id}") };
    if cancel {
        let request = wanted::RequestCancelExternalWorkflowExecutionCommandAttributes {
            workflow_id,
            child_workflow_only: id == 3,
            ..Default::default()
        };
        let attributes = A::RequestCancelExternalWorkflowExecutionCommandAttributes(request);
        return command(C::RequestCancelExternalWorkflowExecution, Some(attributes));
    }
    let signal = wanted::SignalExternalWorkflowExecutionCommandAttributes {
        execution: Some(WorkflowExecution { workflow_id, run_id: String::new() }),
        signal_name: "s".into(),
        input: id.is_multiple_of(4).then(|| bulk(1_500)),
        ..Default::default()
    };
    command(
        C::SignalExternalWorkflowExecution,
        Some(A::SignalExternalWorkflowExecutionCommandAttributes(signal)),
    )
}

impl Told for Answered {
    fn tell(&self, world: &mut World) {
        let state = world.state();
        let signals = state.external_signals.iter().map(|signal| signal.initiated_event_id);
        let cancels = state.external_cancels.iter().map(|cancel| cancel.initiated_event_id);
        let open: Vec<i64> = if self.cancel { cancels.collect() } else { signals.collect() };
        let initiated_event_id = match self.message {
            Pick::There(pick) => open.get(usize::from(pick) % open.len().max(1)).copied().unwrap_or(1),
            Pick::Event(id) => id,
        };
        if self.cancel {
            let failed = Err(CancelFailed::ExternalWorkflowExecutionNotFound);
            let outcome = if self.arrived { Ok(()) } else { failed };
            world.ask(RecordExternalCancel { initiated_event_id, outcome }).ok();
        } else {
            let failed = Err(SignalFailed::ExternalWorkflowExecutionNotFound);
            let outcome = if self.arrived { Ok(()) } else { failed };
            world.ask(RecordExternalSignal { initiated_event_id, outcome }).ok();
        }
    }
}
