use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use prost::Message;

use super::{CallContext, MethodInfo, Reply, ServiceInfo, Status};

/// A boxed future, as `#[async_trait]` makes them.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What of a request a service decodes, by which a large one is charged for memory before the service is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decodes {
    /// All of it.
    All,
    /// Nothing: the request goes on as it came.
    Nothing,
    /// All, but nothing of a request in which this field stands more often than that.
    UpTo {
        /// Number of the field, one of the request itself.
        field: u32,
        /// How often it stands at most in what is decoded.
        times: usize,
    },
}

/// A service whose requests and answers are bytes: what the dispatcher calls.
///
/// Generated code makes one of each typed trait (`workflow_service::raw`); a forwarder implements it directly.
pub trait RawService: Send + Sync + 'static {
    /// The service's table.
    fn info(&self) -> &'static ServiceInfo;

    /// What it decodes of requests of `method`, which is an entry of [`info`](Self::info)'s table.
    fn decodes(&self, _method: &'static MethodInfo) -> Decodes {
        Decodes::All
    }

    /// Answers a call of `method`, which is an entry of [`info`](Self::info)'s table.
    fn call<'a>(
        &'a self,
        ctx: &'a CallContext,
        method: &'static MethodInfo,
        body: Bytes,
    ) -> BoxFuture<'a, Result<Reply, Status>>;
}

/// Decodes a request, calls `method` with it and encodes the answer.
pub fn unary<'a, Request, Response, F>(body: Bytes, method: F) -> BoxFuture<'a, Result<Reply, Status>>
where
    Request: Message + Default,
    Response: Message + 'a,
    F: FnOnce(Request) -> BoxFuture<'a, Result<Response, Status>>,
{
    match Request::decode(body) {
        Ok(request) => {
            let answer = method(request);
            Box::pin(async move { Ok(Reply::encode(&answer.await?)) })
        }
        Err(error) => Box::pin(std::future::ready(Err(error.into()))),
    }
}

/// The answer of a method that is not built: UNIMPLEMENTED with its name.
pub fn not_implemented<'a, T: Send + 'a>(method: &'static MethodInfo) -> BoxFuture<'a, Result<T, Status>> {
    let message = format!("method {} of {} is not implemented", method.name, method.service);
    Box::pin(std::future::ready(Err(Status::unimplemented(message))))
}
