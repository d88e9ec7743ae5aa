use crate::auth::Caller;
use crate::errors;
use crate::frontend::Frontend;
use crate::rpcs::describe_namespace::describe;
use atoll_api::call::{CallContext, Status};
use atoll_api::temporal::api::workflowservice::v1::{ListNamespacesRequest, ListNamespacesResponse};
use bytes::Bytes;
use prost::Message;
use std::sync::Arc;

/// Namespaces on a page where the request does not say.
const PAGE: usize = 100;
/// ... and at most.
const PAGE_MAX: usize = 1_000;

#[derive(Clone, PartialEq, Message)]
struct PageToken {
    /// The last namespace of the page before.
    #[prost(string, tag = "1")]
    after: String,
}

/// Namespaces by name; the caller of an API key sees those in which it has a role.
pub(crate) async fn call(
    frontend: &Frontend,
    ctx: &CallContext,
    request: ListNamespacesRequest,
) -> Result<ListNamespacesResponse, Status> {
    let after = match &request.next_page_token {
        token if token.is_empty() => None,
        token => Some(
            PageToken::decode(token.as_ref())
                .ok()
                .filter(|token| !token.after.is_empty())
                .ok_or_else(errors::bad_page_token)?
                .after,
        ),
    };
    let page = match usize::try_from(request.page_size) {
        Ok(0) | Err(_) => PAGE,
        Ok(size) => size.min(PAGE_MAX),
    };
    let caller = ctx.extensions.get::<Arc<Caller>>();
    let mut visible = frontend
        .namespaces
        .all()
        .into_iter()
        .filter(|namespace| after.as_ref().is_none_or(|after| *namespace.name > **after))
        .filter(|namespace| caller.is_none_or(|caller| caller.role_in(namespace).is_some()))
        .peekable();
    let shown: Vec<_> = visible.by_ref().take(page).collect();
    let next_page_token = match (visible.peek(), shown.last()) {
        (Some(_), Some(last)) => PageToken { after: last.name.to_string() }.encode_to_vec().into(),
        _ => Bytes::new(),
    };
    let namespaces = shown.iter().map(|namespace| describe(frontend, namespace)).collect();
    Ok(ListNamespacesResponse { namespaces, next_page_token })
}
