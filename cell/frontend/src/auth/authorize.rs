use super::{AuthMode, Caller, Needs, Role, needs};
use crate::errors;
use crate::namespaces::{Namespace, NamespaceRegistry};
use atoll_api::call::{Bytes, CallContext, MethodInfo, Status, string_field};
use atoll_rpc::{Gate, Interceptor};
use std::sync::Arc;
use uuid::Uuid;

/// Number of `id` in `DescribeNamespaceRequest`, the one request that may name a namespace by id.
const NAMESPACE_ID_FIELD: u32 = 2;
/// The answer to whoever may not do what it asks for; the same for foreign namespaces and ones that do not exist.
const UNAUTHORIZED: &str = "Request unauthorized.";

/// Compares what a method needs with what the caller was granted. Comes after [`Authenticate`](super::Authenticate).
pub struct Authorize {
    namespaces: Option<Arc<NamespaceRegistry>>,
}

impl Authorize {
    /// Authorization by the namespaces that the cell serves; none in [`AuthMode::Open`].
    pub fn new(mode: &AuthMode, namespaces: Arc<NamespaceRegistry>) -> Self {
        Self { namespaces: matches!(mode, AuthMode::Keys(_)).then_some(namespaces) }
    }

    fn decide(&self, namespaces: &NamespaceRegistry, ctx: &CallContext, body: &[u8]) -> Result<(), Status> {
        let Some(caller) = ctx.extensions.get::<Arc<Caller>>() else {
            return Err(Status::unauthenticated("a valid API key is required"));
        };
        if caller.is_operator() {
            return Ok(());
        }
        match ctx.info().and_then(|method| Some((method, needs(method)?))) {
            Some((_, Needs::Key)) => Ok(()),
            Some((_, Needs::Operator)) => Err(errors::managed_namespaces()),
            Some((method, Needs::Namespace(role))) => {
                let name = method.namespace_field.and_then(|field| string_field(body, field)).unwrap_or("");
                if name.is_empty() {
                    return unnamed(namespaces, caller, method, role, body);
                }
                match namespaces.by_name(name) {
                    Some(namespace) => allow(caller, &namespace, role),
                    // The service answers NOT_FOUND: the account's own namespaces are no secret to it.
                    None if caller.owns_name(name) => Ok(()),
                    None => Err(stranger()),
                }
            }
            None => Err(errors::permission_denied(UNAUTHORIZED, "method is not open to API keys")),
        }
    }
}

impl Interceptor for Authorize {
    fn before<'a>(&'a self, ctx: &'a mut CallContext, body: &'a Bytes) -> Gate<'a> {
        match &self.namespaces {
            Some(namespaces) => Gate::Now(self.decide(namespaces, ctx, body)),
            None => Gate::Now(Ok(())),
        }
    }
}

/// A request without the name of a namespace: only a description may give the id instead.
fn unnamed(
    namespaces: &NamespaceRegistry,
    caller: &Caller,
    method: &MethodInfo,
    role: Role,
    body: &[u8],
) -> Result<(), Status> {
    if method.name != "DescribeNamespace" {
        return Err(errors::namespace_empty());
    }
    match string_field(body, NAMESPACE_ID_FIELD).filter(|id| !id.is_empty()) {
        None => Err(errors::namespace_not_set()),
        Some(id) => match Uuid::try_parse(id).ok().and_then(|id| namespaces.by_id(id)) {
            Some(namespace) => allow(caller, &namespace, role),
            None => Err(stranger()),
        },
    }
}

fn allow(caller: &Caller, namespace: &Namespace, role: Role) -> Result<(), Status> {
    match caller.role_in(namespace) {
        Some(granted) if granted >= role => Ok(()),
        Some(_) => Err(errors::permission_denied(UNAUTHORIZED, "the role in this namespace is too low")),
        None => Err(stranger()),
    }
}

fn stranger() -> Status {
    errors::permission_denied(UNAUTHORIZED, "no access to this namespace")
}
