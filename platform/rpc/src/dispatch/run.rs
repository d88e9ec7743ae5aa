use std::any::Any;
use std::ops::ControlFlow;
use std::panic::AssertUnwindSafe;
use std::pin::{Pin, pin};
use std::time::{Duration, Instant};

use atoll_api::call::{Bytes, CallContext, Method, Protocol, Reply, Status};
use futures::FutureExt;
use prost::Message;

use super::meters::Meters;
use super::{Dispatcher, Entry, EntryId};
use crate::weigh::{Weighing, weigh};

impl Dispatcher {
    /// Answers the call that `ctx` names.
    ///
    /// The answer is DEADLINE_EXCEEDED once `ctx.deadline` has passed, INTERNAL when the service panics, and
    /// UNIMPLEMENTED when neither a service nor a fallback takes the method.
    pub async fn call(&self, mut ctx: CallContext, body: Bytes) -> Result<Reply, Status> {
        let entry = self.find(ctx.path());
        match self.admit(entry, &mut ctx).await {
            ControlFlow::Continue(()) => {
                let outcome = self.run(entry, &mut ctx, body, None).await;
                if outcome.is_ok() {
                    ctx.take_handover().delivered();
                }
                outcome
            }
            ControlFlow::Break(outcome) => outcome,
        }
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

    /// Asks the interceptors about the call's metadata. Comes before [`run`](Self::run) and before the message is read;
    /// breaks off with the call's outcome where it is decided.
    pub(crate) async fn admit(
        &self,
        entry: Option<EntryId>,
        ctx: &mut CallContext,
    ) -> ControlFlow<Result<Reply, Status>> {
        let entry = entry.map(|entry| &self.inner.entries[entry.0]);
        let (mut entered, deadline) = (0, ctx.deadline);
        let admitted = {
            let step = pin!(AssertUnwindSafe(self.admitted(ctx, &mut entered)).catch_unwind());
            within(entry, deadline, step).await
        };
        let Err(refused) = admitted else { return ControlFlow::Continue(()) };
        let pending = self.meters(entry).begin();
        let outcome = self.after(ctx, entered, Err(refused));
        pending.end(Duration::ZERO, &outcome);
        ControlFlow::Break(outcome)
    }

    async fn admitted(&self, ctx: &mut CallContext, entered: &mut usize) -> Result<(), Status> {
        for interceptor in &self.inner.interceptors {
            *entered += 1;
            interceptor.admit(ctx).decide().await?;
        }
        Ok(())
    }

    /// Answers a call that was admitted. A request that came from elsewhere is weighed once the interceptors have let
    /// it through. What it hands over is in `ctx` then, for whoever carries the answer.
    pub(crate) async fn run(
        &self,
        id: Option<EntryId>,
        ctx: &mut CallContext,
        body: Bytes,
        weighing: Option<Box<Weighing<'_>>>,
    ) -> Result<Reply, Status> {
        let entry = id.map(|id| &self.inner.entries[id.0]);
        let pending = self.meters(entry).begin();
        let started = tokio::time::Instant::now();
        let (mut entered, deadline) = (0, ctx.deadline);
        let outcome = {
            let answer = self.answer(id, ctx, body, weighing, &mut entered);
            let step = pin!(AssertUnwindSafe(answer).catch_unwind());
            within(entry, deadline, step).await
        };
        let outcome = self.after(ctx, entered, outcome);
        pending.end(started.elapsed(), &outcome);
        outcome
    }

    fn meters<'a>(&'a self, entry: Option<&'a Entry>) -> &'a Meters {
        entry.map_or(&self.inner.unknown, |entry| &entry.meters)
    }

    /// Tells the interceptors that saw the call how it ended.
    fn after(
        &self,
        ctx: &CallContext,
        entered: usize,
        mut outcome: Result<Reply, Status>,
    ) -> Result<Reply, Status> {
        for interceptor in self.inner.interceptors[..entered].iter().rev() {
            interceptor.after(ctx, &mut outcome);
        }
        outcome
    }

    async fn answer(
        &self,
        entry: Option<EntryId>,
        ctx: &mut CallContext,
        mut body: Bytes,
        weighing: Option<Box<Weighing<'_>>>,
        entered: &mut usize,
    ) -> Result<Reply, Status> {
        for interceptor in &self.inner.interceptors {
            *entered += 1;
            interceptor.before(ctx, &body).decide().await?;
        }
        if let Some(weighing) = weighing {
            // Apart, so that a call that waits is no larger than waiting takes.
            body = Box::pin(weigh(self, entry, body, weighing)).await?;
        }
        let entry = entry.map(|entry| &self.inner.entries[entry.0]);
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

/// A step of a call, which the deadline ends, and a panic. The step is the caller's: many thousands wait at a time, and
/// moved here each would take twice its size.
async fn within<T>(
    entry: Option<&Entry>,
    deadline: Option<Instant>,
    mut step: Pin<&mut impl Future<Output = std::thread::Result<Result<T, Status>>>>,
) -> Result<T, Status> {
    let done = match deadline {
        None => step.await,
        Some(deadline) => match tokio::time::timeout_at(deadline.into(), &mut step).await {
            Ok(done) => done,
            Err(_) => Ok(Err(Status::deadline_exceeded("context deadline exceeded"))),
        },
    };
    done.unwrap_or_else(|panic| Err(panicked(entry, &*panic)))
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
