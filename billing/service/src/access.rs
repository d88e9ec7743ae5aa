//! Who may call what: one table, checked at the start of every method.

use atoll_api::call::{CallContext, PrincipalKind, Status};
use atoll_internal_api::cell::v1::{AccountRole, Grant};

/// What a caller must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// Any known caller.
    Known,
    /// An owner or a finance admin of the account that the call is about, or an operator.
    Finances,
    /// An operator of the cloud.
    Operator,
}

/// The role that each method needs. A test holds that every method stands here; one that does not is refused.
const METHOD_ROLES: &[(&str, Need)] = &[
    ("CloseMonth", Need::Finances),
    ("GetInvoice", Need::Finances),
    ("ListInvoices", Need::Finances),
    ("GetRateCard", Need::Known),
];

/// Closing a month although hours are missing decides what the cloud does not bill for now.
pub(crate) const FORCE_NEEDS: Need = Need::Operator;

/// What a caller is to billing.
#[derive(Debug, Clone, PartialEq, Eq)]
enum CallerRole {
    /// An operator of the cloud, or another piece of it.
    Operator,
    /// Someone of an account.
    Account {
        /// The account.
        account_id: String,
        /// Has a role that includes the account's finances.
        has_finances: bool,
    },
}

/// What a caller is, by what authentication put into the context; none for a caller that nobody authenticated. Without
/// a grant nothing is granted.
fn role(ctx: &CallContext) -> Option<CallerRole> {
    let principal = ctx.principal.as_ref()?;
    Some(match principal.kind {
        PrincipalKind::Operator | PrincipalKind::Internal => CallerRole::Operator,
        PrincipalKind::User | PrincipalKind::ServiceAccount | PrincipalKind::Certificate => {
            let granted = ctx.extensions.get::<Grant>().map(Grant::account_role);
            CallerRole::Account {
                account_id: principal.account.clone(),
                has_finances: granted.is_some_and(includes_finances),
            }
        }
    })
}

/// Admins have everything in an account but its invoices.
const fn includes_finances(role: AccountRole) -> bool {
    match role {
        AccountRole::Owner | AccountRole::FinanceAdmin => true,
        AccountRole::Unspecified
        | AccountRole::Admin
        | AccountRole::Developer
        | AccountRole::Read
        | AccountRole::MetricsRead => false,
    }
}

/// Refuses the call unless its caller has the method's role on `account_id`. UNAUTHENTICATED without a caller;
/// otherwise PERMISSION_DENIED, whether or not the account exists.
pub(crate) fn authorize(ctx: &CallContext, account_id: &str) -> Result<(), Status> {
    let need = METHOD_ROLES
        .iter()
        .find(|(method, _)| *method == ctx.method())
        .map_or(Need::Operator, |(_, need)| *need);
    require(ctx, account_id, need)
}

/// Refuses the call unless its caller meets `need` on `account_id`.
pub(crate) fn require(ctx: &CallContext, account_id: &str, need: Need) -> Result<(), Status> {
    let role = role(ctx).ok_or_else(|| Status::unauthenticated("billing needs a caller"))?;
    let allowed = match (need, role) {
        (Need::Known, _) | (_, CallerRole::Operator) => true,
        (Need::Finances, CallerRole::Account { account_id: own, has_finances }) => {
            has_finances && !own.is_empty() && own == account_id
        }
        (Need::Operator, CallerRole::Account { .. }) => false,
    };
    if allowed { Ok(()) } else { Err(Status::permission_denied("the caller may not do this")) }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Arc;

    use atoll_api::call::{Code, Principal};
    use atoll_internal_api::billing::v1::billing_service;

    use super::*;

    fn context(kind: PrincipalKind, account: &str) -> CallContext {
        let mut ctx = CallContext::new(billing_service::LIST_INVOICES.info());
        ctx.principal = Some(Arc::new(Principal {
            kind,
            id: "p".to_owned(),
            account: account.to_owned(),
            display: "p".to_owned(),
        }));
        ctx
    }

    #[test]
    fn every_method_stands_in_the_table_once() {
        let listed: BTreeSet<_> = METHOD_ROLES.iter().map(|(method, _)| *method).collect();
        let methods: BTreeSet<_> = billing_service::METHODS.iter().map(|method| method.name).collect();
        assert_eq!(listed, methods);
        assert_eq!(listed.len(), METHOD_ROLES.len());
    }

    #[test]
    fn roles_decide() {
        let check = |kind, own: &str, account_role: Option<AccountRole>, need| {
            let mut ctx = context(kind, own);
            if let Some(role) = account_role {
                ctx.extensions.insert(Grant { account_role: role.into(), ..Grant::default() });
            }
            require(&ctx, "acme1", need).map_err(|status| status.code)
        };
        let denied = Err(Code::PermissionDenied);
        use AccountRole::*;
        use PrincipalKind::{Internal, Operator, ServiceAccount, User};
        for (role, expected) in [
            (Some(Owner), Ok(())),
            (Some(FinanceAdmin), Ok(())),
            (Some(Admin), denied),
            (Some(Developer), denied),
            (Some(Read), denied),
            (Some(MetricsRead), denied),
            (Some(Unspecified), denied),
            (None, denied),
        ] {
            for kind in [User, ServiceAccount] {
                assert_eq!(check(kind, "acme1", role, Need::Finances), expected, "{role:?}");
                assert_eq!(check(kind, "other", role, Need::Finances), denied, "{role:?}");
                assert_eq!(check(kind, "", role, Need::Finances), denied, "{role:?}");
                assert_eq!(check(kind, "acme1", role, Need::Operator), denied, "{role:?}");
                assert_eq!(check(kind, "other", role, Need::Known), Ok(()), "{role:?}");
            }
        }
        assert_eq!(check(Operator, "", None, Need::Operator), Ok(()));
        assert_eq!(check(Internal, "", None, Need::Finances), Ok(()));
    }

    #[test]
    fn nobody_is_unauthenticated_and_an_unlisted_method_is_for_operators() {
        let nobody = CallContext::new(billing_service::GET_RATE_CARD.info());
        assert_eq!(authorize(&nobody, "").unwrap_err().code, Code::Unauthenticated);
        let mut unlisted = CallContext::unknown("/atoll.billing.v1.BillingService/Forget");
        unlisted.principal = context(PrincipalKind::User, "acme1").principal;
        unlisted.extensions.insert(Grant { account_role: AccountRole::Owner.into(), ..Grant::default() });
        assert_eq!(authorize(&unlisted, "acme1").unwrap_err().code, Code::PermissionDenied);
    }
}
