//! Large answers of workers: looked at before they are decoded, and decoded little by little.
//!
//! A workflow task completion may hold some hundred thousand commands in a few megabytes. What is refused for their
//! number is refused without decoding one of them, and what is decoded leaves room for other calls in between: nobody
//! else waits for it longer than [`SLICE`] takes.

mod fields;

use crate::frontend::Frontend;
use crate::rpcs::respond_workflow_task_completed;
use atoll_api::call::{BoxFuture, Bytes, CallContext, MethodInfo, RawService, Reply, ServiceInfo, Status};
use atoll_api::temporal::api::command::v1::Command;
use atoll_api::temporal::api::workflowservice::v1::{
    RespondWorkflowTaskCompletedRequest, workflow_service as rpc,
};
use bytes::BytesMut;
use fields::Fields;
use prost::Message;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Shorter requests are decoded at once.
const LARGE_BYTES: usize = 64 << 10;

/// Number of `RespondWorkflowTaskCompletedRequest.commands`.
const COMMANDS: u32 = 2;

/// Commands decoded before other calls get their turn: about a quarter of a millisecond.
const SLICE: usize = 256;

/// Requests that are in decoded form, or on their way to it, at a time. Decoded, one takes several times its bytes; the
/// others wait as they came.
const DECODED_AT_ONCE: usize = 4;

/// A `WorkflowService` whose large workflow task completions do not hold up everybody else.
pub struct LargeAnswers {
    service: Arc<dyn RawService>,
    frontend: Arc<Frontend>,
    decoded: Semaphore,
}

impl LargeAnswers {
    /// The published service of `frontend`.
    pub fn before(frontend: Arc<Frontend>) -> Arc<dyn RawService> {
        let service = rpc::raw(Arc::clone(&frontend) as _);
        Arc::new(Self { service, frontend, decoded: Semaphore::new(DECODED_AT_ONCE) })
    }

    async fn answer(&self, ctx: &CallContext, body: Bytes) -> Result<Reply, Status> {
        let commands =
            Fields::of(&body).filter(|field| matches!(field, Ok(field) if field.number == COMMANDS));
        if commands.count() > self.frontend.config.run_limits.most_commands() {
            let request = without_commands(&body)?;
            drop(body);
            return Err(respond_workflow_task_completed::too_many_commands(&self.frontend, request).await);
        }
        let _permit = self.decoded.acquire().await;
        let request = decoded(body).await?;
        let answer = respond_workflow_task_completed::call(&self.frontend, ctx, request).await?;
        Ok(Reply::encode(&answer))
    }
}

impl RawService for LargeAnswers {
    fn info(&self) -> &'static ServiceInfo {
        self.service.info()
    }

    fn call<'a>(
        &'a self,
        ctx: &'a CallContext,
        method: &'static MethodInfo,
        body: Bytes,
    ) -> BoxFuture<'a, Result<Reply, Status>> {
        let completion = method.path == rpc::RESPOND_WORKFLOW_TASK_COMPLETED.info().path;
        if completion && body.len() > LARGE_BYTES {
            Box::pin(self.answer(ctx, body))
        } else {
            self.service.call(ctx, method, body)
        }
    }
}

/// Everything of a request but its commands.
fn without_commands(body: &Bytes) -> Result<RespondWorkflowTaskCompletedRequest, Status> {
    let mut rest = BytesMut::new();
    for field in Fields::of(body) {
        let field = field?;
        if field.number != COMMANDS {
            rest.extend_from_slice(&field.whole);
        }
    }
    Ok(RespondWorkflowTaskCompletedRequest::decode(rest.freeze())?)
}

/// The request, decoded with pauses in which other calls go on.
async fn decoded(body: Bytes) -> Result<RespondWorkflowTaskCompletedRequest, Status> {
    let mut request = without_commands(&body)?;
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
