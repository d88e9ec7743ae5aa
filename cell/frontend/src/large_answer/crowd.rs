use super::fields::Fields;
use super::{COMMANDS, LARGE_BYTES, completes, pause};
use crate::frontend::Frontend;
use crate::validate::size;
use atoll_api::call::{Bytes, CallContext, MethodInfo, Status, string_field};
use atoll_internal_api::values::MAX_VALUES;
use atoll_rpc::{Gate, Interceptor};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A field takes two bytes at least: shorter requests have no more of them than they may.
const CROWD_BYTES: usize = 2 * MAX_VALUES;

/// Looks at large requests before they are weighed for memory, which takes many times longer: refuses one that has a
/// field too often, and counts a call of its namespace for each, whatever becomes of it. Comes behind authorization.
pub struct RefuseCrowds {
    frontend: Arc<Frontend>,
}

impl RefuseCrowds {
    /// Counts calls against the rates of `frontend`.
    pub fn new(frontend: Arc<Frontend>) -> Self {
        Self { frontend }
    }

    async fn check(&self, method: &MethodInfo, body: &Bytes) -> Result<(), Status> {
        check_crowd(method, body, completes(method).then_some(COMMANDS)).await?;
        if body.len() <= LARGE_BYTES {
            return Ok(());
        }
        let name = method.namespace_field.and_then(|field| string_field(body, field));
        match name.and_then(|name| self.frontend.namespaces.by_name(name)) {
            Some(namespace) => self.frontend.count_call(&namespace),
            None => Ok(()),
        }
    }
}

impl Interceptor for RefuseCrowds {
    fn before<'a>(&'a self, ctx: &'a mut CallContext, body: &'a Bytes) -> Gate<'a> {
        match ctx.info() {
            Some(method) if body.len() > CROWD_BYTES => Gate::Later(Box::pin(self.check(method, body))),
            _ => Gate::Now(Ok(())),
        }
    }
}

/// Refuses a request that has a field more often than fields have values, but for `counted` elsewhere. What is
/// malformed is left to who decodes it.
pub(super) async fn check_crowd(
    method: &MethodInfo,
    body: &Bytes,
    counted: Option<u32>,
) -> Result<(), Status> {
    let mut times = BTreeMap::<u32, usize>::new();
    for (at, field) in Fields::of(body).enumerate() {
        let Ok(field) = field else { return Ok(()) };
        if Some(field.number) != counted {
            let times = times.entry(field.number).or_default();
            *times += 1;
            if *times > MAX_VALUES {
                return Err(Status::invalid_argument(crowded(method, field.number)));
            }
        }
        pause(at).await;
    }
    Ok(())
}

/// What is said of it.
fn crowded(method: &MethodInfo, field: u32) -> String {
    let message = atoll_api::descriptor_pool().get_message_by_name(method.request);
    let field = message.and_then(|message| message.get_field(field)?.name().to_owned().into());
    size::too_many_values(&field.unwrap_or_else(|| "A field that is not known".to_owned()))
}
