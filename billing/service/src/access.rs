//! Who may call what: one table, checked at the start of every method.

use atoll_api::call::{CallContext, PrincipalKind, Status};

/// What a caller must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Any known caller.
    Known,
    /// An admin of the account that the call is about, or an operator.
    AccountAdmin,
    /// An operator of the cloud.
    Operator,
}

/// The role that each method needs. A test holds that every method stands here; one that does not is refused.
pub const METHOD_ROLES: &[(&str, Need)] = &[
    ("CloseMonth", Need::AccountAdmin),
    ("GetInvoice", Need::AccountAdmin),
    ("ListInvoices", Need::AccountAdmin),
    ("GetRateCard", Need::Known),
];

/// Closing a month although hours are missing decides what the cloud does not bill for now.
pub(crate) const FORCE_NEEDS: Need = Need::Operator;

/// What a caller is to billing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallerRole {
    /// An operator of the cloud, or another piece of it.
    Operator,
    /// Someone of an account.
    Account {
        /// The account.
        account_id: String,
        /// May do everything in it.
        is_admin: bool,
    },
}

/// Tells what a caller is. Runs behind authentication, which puts principal and grants into the context.
pub trait CallerRoles: Send + Sync + 'static {
    /// The caller's role; none for a caller that nobody authenticated.
    fn role(&self, ctx: &CallContext) -> Option<CallerRole>;
}

/// Roles by principal: operators and pieces of the cloud are operators; whether others are admins of their account is
/// asked of a function, because it stands in grants that billing does not know.
pub struct PrincipalRoles<F> {
    is_account_admin: F,
}

impl<F> PrincipalRoles<F>
where
    F: Fn(&CallContext) -> bool + Send + Sync + 'static,
{
    /// Roles with this rule for account admins.
    pub fn new(is_account_admin: F) -> Self {
        Self { is_account_admin }
    }
}

impl<F> CallerRoles for PrincipalRoles<F>
where
    F: Fn(&CallContext) -> bool + Send + Sync + 'static,
{
    fn role(&self, ctx: &CallContext) -> Option<CallerRole> {
        let principal = ctx.principal.as_ref()?;
        Some(match principal.kind {
            PrincipalKind::Operator | PrincipalKind::Internal => CallerRole::Operator,
            PrincipalKind::User | PrincipalKind::ServiceAccount | PrincipalKind::Certificate => {
                CallerRole::Account {
                    account_id: principal.account.clone(),
                    is_admin: (self.is_account_admin)(ctx),
                }
            }
        })
    }
}

/// Refuses the call unless its caller has the method's role on `account_id`. UNAUTHENTICATED without a caller; otherwise
/// PERMISSION_DENIED, whether or not the account exists.
pub(crate) fn authorize(roles: &dyn CallerRoles, ctx: &CallContext, account_id: &str) -> Result<(), Status> {
    let need = METHOD_ROLES
        .iter()
        .find(|(method, _)| *method == ctx.method())
        .map_or(Need::Operator, |(_, need)| *need);
    require(roles, ctx, account_id, need)
}

/// Refuses the call unless its caller meets `need` on `account_id`.
pub(crate) fn require(
    roles: &dyn CallerRoles,
    ctx: &CallContext,
    account_id: &str,
    need: Need,
) -> Result<(), Status> {
    let role = roles.role(ctx).ok_or_else(|| Status::unauthenticated("billing needs a caller"))?;
    let allowed = match (need, role) {
        (Need::Known, _) | (_, CallerRole::Operator) => true,
        (Need::AccountAdmin, CallerRole::Account { account_id: own, is_admin }) => {
            is_admin && !own.is_empty() && own == account_id
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
        let check = |kind, own: &str, is_admin: bool, need| {
            let roles = PrincipalRoles::new(move |_: &CallContext| is_admin);
            require(&roles, &context(kind, own), "acme1", need).map_err(|status| status.code)
        };
        let denied = Err(Code::PermissionDenied);
        use PrincipalKind::{Internal, Operator, ServiceAccount, User};
        assert_eq!(check(User, "acme1", true, Need::AccountAdmin), Ok(()));
        assert_eq!(check(ServiceAccount, "acme1", true, Need::AccountAdmin), Ok(()));
        assert_eq!(check(User, "acme1", false, Need::AccountAdmin), denied);
        assert_eq!(check(User, "other", true, Need::AccountAdmin), denied);
        assert_eq!(check(User, "acme1", true, Need::Operator), denied);
        assert_eq!(check(User, "other", false, Need::Known), Ok(()));
        assert_eq!(check(Operator, "", false, Need::Operator), Ok(()));
        assert_eq!(check(Internal, "", false, Need::AccountAdmin), Ok(()));
    }

    #[test]
    fn nobody_is_unauthenticated_and_an_unlisted_method_is_for_operators() {
        let roles = PrincipalRoles::new(|_: &CallContext| true);
        let nobody = CallContext::new(billing_service::GET_RATE_CARD.info());
        assert_eq!(authorize(&roles, &nobody, "").unwrap_err().code, Code::Unauthenticated);
        let mut unlisted = CallContext::unknown("/atoll.billing.v1.BillingService/Forget");
        unlisted.principal = context(PrincipalKind::User, "acme1").principal;
        assert_eq!(authorize(&roles, &unlisted, "acme1").unwrap_err().code, Code::PermissionDenied);
    }
}
