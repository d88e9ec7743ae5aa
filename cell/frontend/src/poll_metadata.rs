//! What a waiting poll keeps of its metadata: nothing.

use atoll_api::call::{Bytes, CallContext};
use atoll_api::temporal::api::workflowservice::v1::workflow_service as rpc;
use atoll_rpc::{Gate, Interceptor};

/// Lets go of the metadata of polls for tasks, once the interceptors before this have read it. A hundred thousand polls
/// wait at a time, and each would keep a kilobyte of headers, its caller's key among them, for a minute. Comes last.
pub struct ForgetPollMetadata;

impl Interceptor for ForgetPollMetadata {
    fn before<'a>(&'a self, ctx: &'a mut CallContext, _body: &'a Bytes) -> Gate<'a> {
        let polls = [rpc::POLL_WORKFLOW_TASK_QUEUE.info(), rpc::POLL_ACTIVITY_TASK_QUEUE.info()];
        if polls.iter().any(|poll| poll.path == ctx.path()) {
            drop(std::mem::take(&mut ctx.headers));
        }
        Gate::Now(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn polls_keep_no_metadata_and_other_calls_theirs() {
        let methods = [
            (rpc::POLL_WORKFLOW_TASK_QUEUE.info(), 0),
            (rpc::POLL_ACTIVITY_TASK_QUEUE.info(), 0),
            (rpc::POLL_WORKFLOW_EXECUTION_UPDATE.info(), 1),
            (rpc::GET_WORKFLOW_EXECUTION_HISTORY.info(), 1),
        ];
        for (method, kept) in methods {
            let mut ctx = CallContext::new(method);
            ctx.headers.insert("client-name", "temporal-go".parse().unwrap());
            assert!(matches!(ForgetPollMetadata.before(&mut ctx, &Bytes::new()), Gate::Now(Ok(()))));
            assert_eq!(ctx.headers.len(), kept, "{}", method.name);
        }
    }
}
