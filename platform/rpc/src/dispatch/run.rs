use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::pin::pin;

use atoll_api::call::{Bytes, CallContext, Method, Protocol, Reply, Status};
use futures::FutureExt;
use prost::Message;

use super::{Dispatcher, Entry, EntryId};

impl Dispatcher {
    /// Answers the call that `ctx` names.
    ///
    /// The answer is DEADLINE_EXCEEDED once `ctx.deadline` has passed, INTERNAL when the service panics, and
    /// UNIMPLEMENTED when neither a service nor a fallback takes the method.
    pub async fn call(&self, mut ctx: CallContext, body: Bytes) -> Result<Reply, Status> {
        let entry = self.find(ctx.path());
        self.run(entry, &mut ctx, body).await
    }

    /// Calls a method within the process, through all interceptors. `ctx` carries metadata and deadline.
    pub async fn invoke<Request, Response>(
        &self,
        ctx: CallContext,
        method: Method<Request, Response>,
        request: &Request,
    ) -> Result<Response, Status>
    where
        Request: Message,
        Response: Message + Default,
    {
        debug_assert_eq!(ctx.path(), method.info().path);
        let reply = self.call(ctx, request.encode_to_vec().into()).await?;
        Response::decode(reply.into_message())
            .map_err(|error| Status::internal(format!("answer does not decode: {error}")))
    }

    pub(crate) async fn run(
        &self,
        entry: Option<EntryId>,
        ctx: &mut CallContext,
        body: Bytes,
    ) -> Result<Reply, Status> {
        let entry = entry.map(|entry| &self.inner.entries[entry.0]);
        let meters = entry.map_or(&self.inner.unknown, |entry| &entry.meters);
        let pending = meters.begin();
        let started = tokio::time::Instant::now();
        let mut entered = 0;
        let mut outcome = {
            let deadline = ctx.deadline;
            let mut answer =
                pin!(AssertUnwindSafe(self.answer(entry, ctx, body, &mut entered)).catch_unwind());
            let answer = match deadline {
                None => answer.await,
                Some(deadline) => match tokio::time::timeout_at(deadline.into(), &mut answer).await {
                    Ok(answer) => answer,
                    Err(_) => Ok(Err(Status::deadline_exceeded("context deadline exceeded"))),
                },
            };
            answer.unwrap_or_else(|panic| Err(panicked(entry, &*panic)))
        };
        for interceptor in self.inner.interceptors[..entered].iter().rev() {
            interceptor.after(ctx, &mut outcome);
        }
        pending.end(started.elapsed(), &outcome);
        outcome
    }

    async fn answer(
        &self,
        entry: Option<&Entry>,
        ctx: &mut CallContext,
        body: Bytes,
        entered: &mut usize,
    ) -> Result<Reply, Status> {
        for interceptor in &self.inner.interceptors {
            *entered += 1;
            interceptor.before(ctx, &body).decide().await?;
        }
        match (entry, &self.inner.fallback) {
            (Some(entry), _) => entry.service.call(ctx, entry.method, body).await,
            (None, Some(fallback)) => fallback.call(ctx, body).await,
            (None, None) => Err(self.unknown(ctx)),
        }
    }

    fn unknown(&self, ctx: &CallContext) -> Status {
        let (service, method) = (ctx.service(), ctx.method());
        debug_assert_ne!(ctx.protocol, Protocol::Rest, "REST routes lead to registered methods");
        if self.inner.services.iter().any(|known| known.name == service) {
            Status::unimplemented(format!("unknown method {method} for service {service}"))
        } else {
            Status::unimplemented(format!("unknown service {service}"))
        }
    }
}

/// A panic ends its call and nothing else.
fn panicked(entry: Option<&Entry>, panic: &(dyn Any + Send)) -> Status {
    let reason = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    let method = entry.map_or("unknown", |entry| entry.method.path);
    tracing::error!(method, reason, "call panicked");
    Status::internal("internal error: the call was abandoned")
}
