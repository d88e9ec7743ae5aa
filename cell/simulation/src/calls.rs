//! Calling the cell without a wire: what clients and workers share.

use crate::clock::SimulatedClock;
use crate::ledger::Ledger;
use crate::plan::Plan;
use crate::world::World;
use atoll_api::call::{CallContext, Code, Method, Status};
use atoll_api::temporal::api::history::v1::HistoryEvent;
use atoll_api::temporal::api::workflowservice::v1::{self as wf, workflow_service as rpc};
use atoll_rpc::Dispatcher;
use parking_lot::Mutex;
use prost::Message;
use std::sync::Arc;
use std::time::Duration;

/// The one namespace.
pub(crate) const NAMESPACE: &str = "default";

/// Events of a page where whole histories are read: few, so that most have several.
const PAGE: i32 = 7;

/// A caller: the cell as it lives now, and what everybody remembers over its lives.
#[derive(Clone)]
pub(crate) struct Caller {
    pub(crate) frontend: Dispatcher,
    pub(crate) world: World,
    pub(crate) ledger: Arc<Mutex<Ledger>>,
    pub(crate) plan: Arc<Plan>,
    pub(crate) clock: SimulatedClock,
}

impl Caller {
    /// The true time (nanoseconds of the Unix epoch).
    pub(crate) fn now(&self) -> i128 {
        self.clock.truth().as_nanosecond()
    }

    /// Calls once, with a deadline.
    pub(crate) async fn call<Q: Message, A: Message + Default>(
        &self,
        method: Method<Q, A>,
        request: &Q,
        patience: Duration,
    ) -> Result<A, Status> {
        let name = method.info().name;
        self.world.note_bytes(name, &request.encode_to_vec());
        let mut ctx = CallContext::new(method.info());
        ctx.deadline = Some((tokio::time::Instant::now() + patience).into_std());
        let answer = self.frontend.invoke(ctx, method, request).await;
        match &answer {
            Ok(answer) => self.world.note_bytes(&format!("{name} answered"), &answer.encode_to_vec()),
            Err(status) => {
                self.world.note(format_args!("{name} answered {:?}", status.code));
                if matches!(status.code, Code::Internal | Code::DataLoss | Code::Unknown) {
                    self.ledger.lock().broke(format!("{name} answered {status:?}"));
                }
            }
        }
        answer
    }

    /// Calls until there is an answer that is not about the cell's health.
    pub(crate) async fn insist<Q: Message, A: Message + Default>(
        &self,
        method: Method<Q, A>,
        request: &Q,
    ) -> Result<A, Status> {
        loop {
            match self.call(method, request, Duration::from_secs(10)).await {
                Err(status) if is_passing(&status) => tokio::time::sleep(Duration::from_millis(250)).await,
                answer => return answer,
            }
        }
    }

    /// A whole history: of this run, as it stands.
    pub(crate) async fn history(&self, workflow_id: &str, run_id: &str) -> Result<Vec<HistoryEvent>, Status> {
        let mut events: Vec<HistoryEvent> = Vec::new();
        let mut request = wf::GetWorkflowExecutionHistoryRequest {
            namespace: NAMESPACE.to_owned(),
            execution: execution(workflow_id, run_id),
            maximum_page_size: PAGE,
            ..Default::default()
        };
        loop {
            let page = self.insist(rpc::GET_WORKFLOW_EXECUTION_HISTORY, &request).await?;
            events.extend(decode(page.history));
            if page.next_page_token.is_empty() {
                return Ok(events);
            }
            request.next_page_token = page.next_page_token;
        }
    }

    /// Notes events that were shown as durable.
    pub(crate) fn saw(&self, run_id: &str, events: &[HistoryEvent]) {
        let mut ledger = self.ledger.lock();
        events.iter().for_each(|event| ledger.saw(run_id, event));
    }
}

/// Whether the same call may succeed later.
pub(crate) fn is_passing(status: &Status) -> bool {
    matches!(
        status.code,
        Code::Unavailable
            | Code::DeadlineExceeded
            | Code::ResourceExhausted
            | Code::Aborted
            | Code::Cancelled
    )
}

pub(crate) fn decode(history: Option<atoll_api::RawHistory>) -> Vec<HistoryEvent> {
    history.unwrap_or_default().events().map(|event| event.expect("an event")).collect()
}

pub(crate) fn execution(
    workflow_id: &str,
    run_id: &str,
) -> Option<atoll_api::temporal::api::common::v1::WorkflowExecution> {
    Some(atoll_api::temporal::api::common::v1::WorkflowExecution {
        workflow_id: workflow_id.to_owned(),
        run_id: run_id.to_owned(),
    })
}
