//! Who may read whose usage: one table, checked at the start of every method.

use atoll_api::call::{CallContext, PrincipalKind, Protocol, Status};
use atoll_internal_api::cell::v1::{AccountRole, Grant};

/// What a caller must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Need {
    /// Any known caller.
    Known,
    /// A reader of the account, or of the namespace, that the call is about; or an operator.
    Reader,
    /// An operator of the cloud, and not one of its pieces: what is decided has somebody's name on it.
    Operator,
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
const METHOD_NEEDS: &[(&str, Need)] = &[
    ("ListUsage", Need::Reader),
    ("GetCompleteness", Need::Known),
    ("ListMeteredCells", Need::Operator),
    ("RetireMeteredCell", Need::Operator),
    ("LoseMeteredCell", Need::Operator),
    ("ListMissingObjects", Need::Operator),
    ("SkipObjects", Need::Operator),
];

/// Refuses the call unless the caller may make it. `about` is the account and the namespace, empty where the call names
/// none.
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
        PrincipalKind::Operator => return Ok(View::Whole),
        PrincipalKind::Internal if need != Need::Operator => return Ok(View::Whole),
        PrincipalKind::Internal => return Err(operators_only()),
        PrincipalKind::User | PrincipalKind::ServiceAccount | PrincipalKind::Certificate => {
            &principal.account
        }
    };
    match need {
        Need::Operator => Err(operators_only()),
        Need::Known => Ok(View::Tenant),
        Need::Reader if account_id.is_empty() => Err(Status::invalid_argument("account_id is required")),
        Need::Reader if account_id != tenant => Err(Status::permission_denied("usage of another account")),
        Need::Reader => may_read(ctx, namespace).map(|()| View::Tenant),
    }
}

fn operators_only() -> Status {
    Status::permission_denied("this is for operators of the cloud")
}

/// Within its account: owners, admins and finance admins everything, as the published usage has it; others single
/// namespaces that were granted to them. Who comes without a grant gets nothing: whoever authenticated them did not say
/// what they may.
fn may_read(ctx: &CallContext, namespace: &str) -> Result<(), Status> {
    let Some(grant) = ctx.extensions.get::<Grant>() else {
        return Err(Status::permission_denied("the caller came without what was granted to it"));
    };
    let reads_all = match grant.account_role() {
        AccountRole::Owner | AccountRole::Admin | AccountRole::FinanceAdmin => true,
        AccountRole::Unspecified | AccountRole::Developer | AccountRole::Read | AccountRole::MetricsRead => {
            false
        }
    };
    if reads_all || grant.namespaces.contains_key(namespace) {
        return Ok(());
    }
    Err(Status::permission_denied(
        "usage of the whole account is for its owners, admins and finance admins; name a namespace",
    ))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Arc;

    use atoll_api::call::{Code, Principal};
    use atoll_internal_api::usage::v1::{usage_operator_service, usage_service};

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
        let served = usage_service::METHODS.iter().chain(&usage_operator_service::METHODS);
        let served: BTreeSet<&str> = served.map(|method| method.name).collect();
        assert_eq!(listed, served);
    }

    #[test]
    fn members_read_their_own_account_and_operators_every_one() {
        let owner = Grant { account_role: AccountRole::Owner.into(), ..Grant::default() };
        let member = ctx(PrincipalKind::User, "acme1", Some(owner));
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
    fn who_comes_without_a_grant_reads_nothing() {
        for kind in [PrincipalKind::User, PrincipalKind::ServiceAccount, PrincipalKind::Certificate] {
            let caller = ctx(kind, "acme1", None);
            for namespace in ["", "orders.acme1"] {
                assert_eq!(code(&caller, "acme1", namespace), Some(Code::PermissionDenied), "{kind:?}");
            }
        }
    }

    #[test]
    fn each_role_reads_what_is_published_and_granted() {
        const OK: Option<Code> = None;
        const NO: Option<Code> = Some(Code::PermissionDenied);
        use AccountRole::*;
        // role: the whole account, a namespace that is granted, one that is not
        let cases = [
            (Owner, [OK, OK, OK]),
            (Admin, [OK, OK, OK]),
            (FinanceAdmin, [OK, OK, OK]),
            (Developer, [NO, OK, NO]),
            (Read, [NO, OK, NO]),
            (MetricsRead, [NO, OK, NO]),
            (Unspecified, [NO, OK, NO]),
        ];
        for (role, expected) in cases {
            let namespaces = [("orders.acme1".to_owned(), "read".to_owned())].into_iter().collect();
            let grant = Grant { account_role: role.into(), namespaces };
            let caller = ctx(PrincipalKind::ServiceAccount, "acme1", Some(grant));
            let found = ["", "orders.acme1", "billing.acme1"].map(|name| code(&caller, "acme1", name));
            assert_eq!(found, expected, "{role:?}");
            assert_eq!(code(&caller, "other", "orders.acme1"), NO, "{role:?}");
        }
        let newer = Grant { account_role: 99, ..Grant::default() };
        assert_eq!(code(&ctx(PrincipalKind::User, "acme1", Some(newer)), "acme1", ""), NO);
    }

    #[test]
    fn only_operators_decide() {
        use PrincipalKind::*;
        let owner = Grant { account_role: AccountRole::Owner.into(), ..Grant::default() };
        for method in &usage_operator_service::METHODS {
            for (kind, expected) in [
                (Operator, None),
                (Internal, Some(Code::PermissionDenied)),
                (User, Some(Code::PermissionDenied)),
                (ServiceAccount, Some(Code::PermissionDenied)),
                (Certificate, Some(Code::PermissionDenied)),
            ] {
                let mut caller = CallContext::new(method);
                caller.principal = ctx(kind, "acme1", Some(owner.clone())).principal;
                caller.extensions.insert(owner.clone());
                caller.protocol = Protocol::Grpc;
                assert_eq!(code(&caller, "", ""), expected, "{} by {kind:?}", method.name);
            }
        }
    }

    #[test]
    fn strangers_are_refused_on_the_wire() {
        let mut stranger = CallContext::new(usage_service::GET_COMPLETENESS.info());
        assert_eq!(code(&stranger, "", ""), None, "a call within the process");
        stranger.protocol = Protocol::Rest;
        assert_eq!(code(&stranger, "", ""), Some(Code::Unauthenticated));
    }
}
