//! Who may read whose usage: one table, checked at the start of every method.

use atoll_api::call::{CallContext, PrincipalKind, Protocol, Status};
use atoll_internal_api::cell::v1::Grant;

/// What a caller must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Need {
    /// Any known caller.
    Known,
    /// A reader of the account, or of the namespace, that the call is about; or an operator.
    Reader,
}

/// How much of an answer a caller sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum View {
    /// All of it: an operator, or a piece of the cloud.
    Whole,
    /// What does not tell of the cloud's insides.
    Tenant,
}

/// What each method needs. A test holds that every method stands here; one that does not is refused.
const METHOD_NEEDS: &[(&str, Need)] = &[("ListUsage", Need::Reader), ("GetCompleteness", Need::Known)];

/// Refuses the call unless the caller may make it. `about` is the account and the namespace, empty where the call names none.
pub(crate) fn check(ctx: &CallContext, account_id: &str, namespace: &str) -> Result<View, Status> {
    let need = METHOD_NEEDS.iter().find(|(method, _)| *method == ctx.method()).map(|(_, need)| *need);
    let need = need.ok_or_else(|| Status::permission_denied("this method is open to nobody"))?;
    let Some(principal) = &ctx.principal else {
        // A function call within the process: whoever makes it could read the database as well.
        return match ctx.protocol {
            Protocol::InProcess => Ok(View::Whole),
            Protocol::Grpc | Protocol::Rest => Err(Status::unauthenticated("usage is for known callers")),
        };
    };
    let tenant = match principal.kind {
        PrincipalKind::Operator | PrincipalKind::Internal => return Ok(View::Whole),
        PrincipalKind::User | PrincipalKind::ServiceAccount | PrincipalKind::Certificate => {
            &principal.account
        }
    };
    match need {
        Need::Known => Ok(View::Tenant),
        Need::Reader if account_id.is_empty() => Err(Status::invalid_argument("account_id is required")),
        Need::Reader if account_id != tenant => Err(Status::permission_denied("usage of another account")),
        Need::Reader => may_read(ctx, namespace).map(|()| View::Tenant),
    }
}

/// Within its account: with a role in the account everything, else single namespaces.
fn may_read(ctx: &CallContext, namespace: &str) -> Result<(), Status> {
    let Some(grant) = ctx.extensions.get::<Grant>() else { return Ok(()) };
    if !grant.account_role.is_empty() || grant.namespaces.contains_key(namespace) {
        return Ok(());
    }
    Err(Status::permission_denied("usage of the whole account needs a role in it; name a namespace"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Arc;

    use atoll_api::call::{Code, Principal};
    use atoll_internal_api::usage::v1::usage_service;

    use super::*;

    fn ctx(kind: PrincipalKind, account: &str, grant: Option<Grant>) -> CallContext {
        let mut ctx = CallContext::new(usage_service::LIST_USAGE.info());
        ctx.protocol = Protocol::Grpc;
        let account = account.to_owned();
        ctx.principal =
            Some(Arc::new(Principal { kind, id: "x".to_owned(), account, display: String::new() }));
        if let Some(grant) = grant {
            ctx.extensions.insert(grant);
        }
        ctx
    }

    fn code(ctx: &CallContext, account: &str, namespace: &str) -> Option<Code> {
        check(ctx, account, namespace).err().map(|status| status.code)
    }

    #[test]
    fn every_method_stands_in_the_table() {
        let listed: BTreeSet<&str> = METHOD_NEEDS.iter().map(|(method, _)| *method).collect();
        let served: BTreeSet<&str> = usage_service::METHODS.iter().map(|method| method.name).collect();
        assert_eq!(listed, served);
    }

    #[test]
    fn members_read_their_own_account_and_operators_every_one() {
        let member = ctx(PrincipalKind::User, "acme1", None);
        assert_eq!(code(&member, "acme1", ""), None);
        assert_eq!(code(&member, "other", ""), Some(Code::PermissionDenied));
        assert_eq!(code(&member, "", ""), Some(Code::InvalidArgument));
        for kind in [PrincipalKind::Operator, PrincipalKind::Internal] {
            assert_eq!(code(&ctx(kind, "", None), "", ""), None);
            assert_eq!(code(&ctx(kind, "", None), "acme1", ""), None);
        }
    }

    #[test]
    fn an_account_that_is_empty_is_nobodys() {
        assert_eq!(code(&ctx(PrincipalKind::User, "", None), "", ""), Some(Code::InvalidArgument));
    }

    #[test]
    fn without_a_role_in_the_account_only_granted_namespaces_are_read() {
        let namespaces = [("orders.acme1".to_owned(), "read".to_owned())].into_iter().collect();
        let grant = Grant { account_role: String::new(), namespaces };
        let caller = ctx(PrincipalKind::ServiceAccount, "acme1", Some(grant.clone()));
        assert_eq!(code(&caller, "acme1", "orders.acme1"), None);
        assert_eq!(code(&caller, "acme1", "billing.acme1"), Some(Code::PermissionDenied));
        assert_eq!(code(&caller, "acme1", ""), Some(Code::PermissionDenied));
        let admin = Grant { account_role: "read".to_owned(), ..grant };
        assert_eq!(code(&ctx(PrincipalKind::User, "acme1", Some(admin)), "acme1", ""), None);
    }

    #[test]
    fn strangers_are_refused_on_the_wire() {
        let mut stranger = CallContext::new(usage_service::GET_COMPLETENESS.info());
        assert_eq!(code(&stranger, "", ""), None, "a call within the process");
        stranger.protocol = Protocol::Rest;
        assert_eq!(code(&stranger, "", ""), Some(Code::Unauthenticated));
    }
}
