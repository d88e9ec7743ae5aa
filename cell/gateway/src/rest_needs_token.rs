use atoll_api::call::{CallContext, Protocol, Status};
use atoll_rpc::{Gate, Interceptor};

/// Refuses calls over REST that bring no key, as their cell would: before their JSON, which takes many times its bytes,
/// is read and converted.
pub(crate) struct RestNeedsToken;

impl Interceptor for RestNeedsToken {
    fn admit<'a>(&'a self, ctx: &'a mut CallContext) -> Gate<'a> {
        match ctx.protocol {
            Protocol::Rest if ctx.bearer_token().is_none() => {
                Gate::Now(Err(Status::unauthenticated("a valid API key is required")))
            }
            _ => Gate::Now(Ok(())),
        }
    }
}
