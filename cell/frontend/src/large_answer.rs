//! Large requests, answers of workers above all: looked at before they are decoded, and decoded little by little.
//!
//! A field of a request that stands more often than fields have values is refused by [`RefuseCrowds`] without decoding
//! one of them: an empty link is two bytes that are sent, and a hundred that are held. Of a worker's answer the
//! commands are not held to that: whose answer it is, whether its token is one and whether its namespace may call is
//! known before these are looked at. A workflow task completion may hold some hundred thousand commands in a few
//! megabytes. What is refused for their number is refused without decoding one of them, and what is decoded leaves room
//! for other calls in between: nobody else waits for it longer than [`SLICE`] takes.

mod crowd;
mod fields;

use crate::frontend::Frontend;
use crate::rpcs::respond_workflow_task_completed;
use crate::turns::{TurnLimits, Turns};
use atoll_api::call::{
    BoxFuture, Bytes, CallContext, Decodes, MethodInfo, RawService, Reply, ServiceInfo, Status,
};
use atoll_api::temporal::api::command::v1::Command;
use atoll_api::temporal::api::workflowservice::v1::{
    RespondWorkflowTaskCompletedRequest, workflow_service as rpc,
};
use atoll_internal_api::cell::v1::WorkflowTaskToken;
use bytes::BytesMut;
pub use crowd::RefuseCrowds;
use fields::Fields;
use prost::Message;
use std::future::ready;
use std::sync::Arc;

/// Shorter requests are decoded at once.
const LARGE_BYTES: usize = 64 << 10;

/// Numbers of `RespondWorkflowTaskCompletedRequest.task_token`, `commands` and `namespace`.
const TASK_TOKEN: u32 = 1;
const COMMANDS: u32 = 2;
const NAMESPACE: u32 = 9;

/// Fields looked at before other calls get their turn: about a quarter of a millisecond.
const FIELDS_AT_ONCE: usize = 16_384;

/// Commands decoded, or looked at, before other calls get their turn: about a quarter of a millisecond.
pub(crate) const SLICE: usize = 256;

/// Bytes of one tenant's requests that wait or are decoded: more are refused, and their workers try again.
const OF_A_TENANT_BYTES: usize = 32 << 20;

/// Who has its turn is decoded, and takes several times its bytes then; the others wait as they came. What is decoded
/// waits for its commit without one: a store that is slow holds up nobody's decoding, and what requests take decoded is
/// counted by the server that received them, until their calls end.
const TURNS: TurnLimits = TurnLimits {
    at_once: 4,
    of_one_at_once: 2,
    of_one: OF_A_TENANT_BYTES,
    in_all: 4 * OF_A_TENANT_BYTES,
    refusal: "too many bytes of workflow task completions wait to be decoded",
};

/// A `WorkflowService` whose large workflow task completions do not hold up everybody else.
pub struct LargeAnswers {
    service: Arc<dyn RawService>,
    frontend: Arc<Frontend>,
    turns: Turns,
}

impl LargeAnswers {
    /// The published service of `frontend`.
    pub fn before(frontend: Arc<Frontend>) -> Arc<dyn RawService> {
        let service = rpc::raw(Arc::clone(&frontend) as _);
        Arc::new(Self { service, frontend, turns: Turns::new(TURNS) })
    }

    async fn answer(&self, ctx: &CallContext, body: Bytes) -> Result<Reply, Status> {
        let head = Head::of(&body).await?;
        let namespace = self.frontend.admit_task::<WorkflowTaskToken>(&head.namespace, &head.task_token)?;
        if head.commands > self.frontend.config.run_limits.most_commands() {
            // Nothing of the rest is needed meanwhile.
            let task_token = Bytes::copy_from_slice(&head.task_token);
            drop((head, body));
            return Err(self.frontend.ports.workflow_tasks.too_many_commands(&namespace, &task_token).await);
        }
        let commands = head.commands;
        drop(head);
        let request = {
            let place = self.turns.enter(&namespace, body.len())?;
            let _turn = place.turn().await;
            decoded(body, commands).await?
        };
        let answer =
            respond_workflow_task_completed::admitted(&self.frontend, ctx, &namespace, request).await?;
        Ok(Reply::encode(&answer))
    }
}

impl RawService for LargeAnswers {
    fn info(&self) -> &'static ServiceInfo {
        self.service.info()
    }

    fn decodes(&self, method: &'static MethodInfo) -> Decodes {
        match completes(method) {
            true => Decodes::UpTo { field: COMMANDS, times: self.frontend.config.run_limits.most_commands() },
            false => self.service.decodes(method),
        }
    }

    fn call<'a>(
        &'a self,
        ctx: &'a CallContext,
        method: &'static MethodInfo,
        body: Bytes,
    ) -> BoxFuture<'a, Result<Reply, Status>> {
        match body.len() > LARGE_BYTES {
            true if completes(method) => Box::pin(self.answer(ctx, body)),
            // Whoever forwards it would hold it all while it waits.
            true if waits(method) => {
                let text = format!("a call that waits, of more than {LARGE_BYTES} bytes");
                Box::pin(ready(Err(Status::invalid_argument(text))))
            }
            _ => self.service.call(ctx, method, body),
        }
    }
}

/// Whether it is the answer of a worker that may have many commands.
fn completes(method: &MethodInfo) -> bool {
    method.path == rpc::RESPOND_WORKFLOW_TASK_COMPLETED.info().path
}

/// Whether calls wait for what is to come, and have no use for a large request meanwhile: a query has its arguments.
fn waits(method: &MethodInfo) -> bool {
    method.name.starts_with("Poll") || method.path == rpc::GET_WORKFLOW_EXECUTION_HISTORY.info().path
}

/// Lets others have their turn after some fields.
async fn pause(at: usize) {
    if at % FIELDS_AT_ONCE == FIELDS_AT_ONCE - 1 {
        tokio::task::yield_now().await;
    }
}

/// What is known of a request without decoding its commands.
struct Head {
    task_token: Bytes,
    namespace: String,
    commands: usize,
}

impl Head {
    async fn of(body: &Bytes) -> Result<Self, Status> {
        let mut head = Self { task_token: Bytes::new(), namespace: String::new(), commands: 0 };
        for (at, field) in Fields::of(body).enumerate() {
            let field = field?;
            match field.number {
                TASK_TOKEN => head.task_token = field.value()?,
                NAMESPACE => {
                    let name = String::from_utf8(field.value()?.into());
                    head.namespace = name.map_err(|_| Status::internal("namespace is not text"))?;
                }
                COMMANDS => head.commands += 1,
                _ => {}
            }
            pause(at).await;
        }
        Ok(head)
    }
}

/// Everything of a request but its commands.
fn without_commands(body: &Bytes) -> Result<RespondWorkflowTaskCompletedRequest, Status> {
    let mut rest = BytesMut::new();
    for field in Fields::of(body) {
        let field = field?;
        if field.number != COMMANDS {
            rest.extend_from_slice(field.whole);
        }
    }
    Ok(RespondWorkflowTaskCompletedRequest::decode(rest.freeze())?)
}

/// The request with so many commands, decoded with pauses in which other calls go on. The list of commands never moves:
/// one of fifty thousand takes tens of megabytes.
async fn decoded(body: Bytes, commands: usize) -> Result<RespondWorkflowTaskCompletedRequest, Status> {
    let mut request = without_commands(&body)?;
    request.commands.reserve_exact(commands);
    for field in Fields::of(&body) {
        let field = field?;
        if field.number == COMMANDS {
            request.commands.push(Command::decode(field.value()?)?);
            if request.commands.len().is_multiple_of(SLICE) {
                tokio::task::yield_now().await;
            }
        }
    }
    Ok(request)
}

#[cfg(test)]
mod tests;
