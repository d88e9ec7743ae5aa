//! Who calls, and whether they may.
//!
//! One interceptor in front of every service: it finds the caller by the bearer token, looks the method up in the table
//! of rules, and refuses. What a rule cannot say (whose key is deleted?) the method itself checks with [`Tenant`].
//!
//! What a tenant may do is handed on as `cell.v1.Grant` beside the principal, for services that stand beside ours on
//! one listener.
//!
//! Accounts are isolated: whatever a caller names of another account, existing or not, the answer is the same.

mod rules;

use std::sync::Arc;

use atoll_api::call::{
    BoxFuture, Bytes, CallContext, Principal as CallPrincipal, PrincipalKind as CallPrincipalKind, Status,
    string_field,
};
use atoll_rpc::{Clock, Gate, Interceptor};

use crate::cells::cell_grant;
use crate::error::ApiError;
use crate::keys;
use crate::model::{Access, KeyGrant, Permission, Principal, PrincipalKind};
use crate::names::{account_of, check_id};
use crate::store::Store;
pub(crate) use rules::{Needs, needs};

/// A caller with an API key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tenant {
    pub(crate) account_id: String,
    pub(crate) principal_id: String,
    pub(crate) kind: PrincipalKind,
    pub(crate) key_id: String,
    /// Until when the key is taken, in milliseconds since 1970.
    pub(crate) key_expires_ms: i64,
    pub(crate) access: Access,
}

/// Who calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Caller {
    /// Runs the cloud.
    Operator,
    /// Another piece of the cloud.
    Internal,
    /// Acts in an account.
    Tenant(Tenant),
}

impl Tenant {
    /// For audit records: `user:<id>`.
    pub(crate) fn actor(&self) -> String {
        actor(self.kind, &self.principal_id)
    }
}

/// A principal in audit records: `user:<id>` or `service-account:<id>`.
pub(crate) fn actor(kind: PrincipalKind, id: &str) -> String {
    match kind {
        PrincipalKind::User => format!("user:{id}"),
        PrincipalKind::ServiceAccount => format!("service-account:{id}"),
    }
}

/// The tenant of a call that the interceptor let through as one.
pub(crate) fn tenant(ctx: &CallContext) -> Result<&Tenant, ApiError> {
    match ctx.extensions.get::<Caller>() {
        Some(Caller::Tenant(tenant)) => Ok(tenant),
        _ => Err(ApiError::foreign()),
    }
}

/// Authenticates and authorizes calls.
pub(crate) struct Guard {
    store: Store,
    clock: Arc<dyn Clock>,
    /// SHA-256 of what operators show.
    operator: Option<[u8; 32]>,
    /// SHA-256 of what other pieces of the cloud show.
    internal: Option<[u8; 32]>,
    /// Services that decide themselves what a known caller may do.
    neighbours: Vec<&'static str>,
}

impl Guard {
    /// A guard that knows operators and tenants. Calls of `neighbours`, by full name, it only authenticates.
    pub(crate) fn of_cloud(
        store: Store,
        clock: Arc<dyn Clock>,
        operator_key: Option<&str>,
        neighbours: Vec<&'static str>,
    ) -> Self {
        Self { store, clock, operator: operator_key.map(keys::hash), internal: None, neighbours }
    }

    /// A guard that knows other pieces of the cloud only.
    pub(crate) fn of_internal(store: Store, clock: Arc<dyn Clock>, token: &str) -> Self {
        Self { store, clock, operator: None, internal: Some(keys::hash(token)), neighbours: Vec::new() }
    }

    /// Who calls, before anything of the call is read but its metadata.
    async fn authenticate(&self, ctx: &mut CallContext) -> Result<(), Status> {
        let caller = self.caller(ctx).await?;
        ctx.principal = Some(Arc::new(call_principal(&caller)));
        if let Caller::Tenant(tenant) = &caller {
            ctx.extensions.insert(cell_grant(&tenant.access));
        }
        ctx.extensions.insert(caller);
        Ok(())
    }

    /// Whether the caller may do what the call asks for.
    fn authorize(&self, ctx: &CallContext, body: &Bytes) -> Result<(), Status> {
        let caller = ctx.extensions.get::<Caller>().ok_or_else(unauthenticated)?;
        let neighbour = self.neighbours.contains(&ctx.service()).then_some(Needs::Anyone);
        let Some(needs) = neighbour.or_else(|| needs(ctx.path())) else {
            let text = format!("method {} of {} is not implemented", ctx.method(), ctx.service());
            return Err(Status::unimplemented(text));
        };
        let namespace =
            ctx.info().and_then(|info| info.namespace_field).and_then(|field| string_field(body, field));
        authorize(caller, needs, namespace.unwrap_or(""))?;
        Ok(())
    }

    async fn caller(&self, ctx: &CallContext) -> Result<Caller, Status> {
        let token = ctx.bearer_token().ok_or_else(unauthenticated)?;
        if self.operator.as_ref().is_some_and(|hash| keys::matches(token, hash)) {
            return Ok(Caller::Operator);
        }
        if self.internal.as_ref().is_some_and(|hash| keys::matches(token, hash)) {
            return Ok(Caller::Internal);
        }
        if self.internal.is_some() {
            return Err(unauthenticated());
        }
        let tenant = self.tenant(token).await.map_err(Status::from)?;
        tenant.map(Caller::Tenant).ok_or_else(unauthenticated)
    }

    /// Reads the key at every call: a deleted key is refused from the moment its deletion was answered, but for calls
    /// whose metadata was there before.
    async fn tenant(&self, token: &str) -> Result<Option<Tenant>, ApiError> {
        let Some((key_id, secret)) = keys::parse(token) else { return Ok(None) };
        let mut snapshot = self.store.snapshot().await?;
        let Some(key) = snapshot.api_key(key_id).await? else { return Ok(None) };
        if !keys::matches(secret, &key.secret_sha256) || !key.is_taken(self.clock.unix_millis()) {
            return Ok(None);
        }
        let owner = snapshot.principal(&key.principal_id).await?;
        Ok(owner.map(|owner: Principal| {
            let grant = KeyGrant { key, owner_kind: owner.kind, access: owner.access };
            Tenant {
                account_id: grant.key.account_id,
                principal_id: grant.key.principal_id,
                kind: grant.owner_kind,
                key_id: grant.key.id,
                key_expires_ms: grant.key.expires_ms,
                access: grant.access,
            }
        }))
    }
}

impl Interceptor for Guard {
    fn admit<'a>(&'a self, ctx: &'a mut CallContext) -> Gate<'a> {
        let decision: BoxFuture<'a, Result<(), Status>> = Box::pin(self.authenticate(ctx));
        Gate::Later(decision)
    }

    fn before<'a>(&'a self, ctx: &'a mut CallContext, body: &'a Bytes) -> Gate<'a> {
        self.authorize(ctx, body).into()
    }
}

fn unauthenticated() -> Status {
    ApiError::Unauthenticated.into()
}

/// Whether a caller has what a method needs. `namespace` is the one that the request names, empty if none.
fn authorize(caller: &Caller, needs: Needs, namespace: &str) -> Result<(), ApiError> {
    let allowed = match (caller, needs) {
        (_, Needs::Anyone)
        | (Caller::Operator, Needs::Operator)
        | (Caller::Operator | Caller::Internal, Needs::OperatorOrInternal)
        | (Caller::Internal, Needs::Internal)
        | (Caller::Tenant(_), Needs::Member) => true,
        (Caller::Tenant(tenant), Needs::CreateNamespaces) => tenant.access.may_create_namespaces(),
        (Caller::Tenant(tenant), Needs::ReadUsage) => tenant.access.may_read_usage(),
        (Caller::Tenant(tenant), Needs::ReadAccount) => tenant.access.may_read_account(),
        (Caller::Tenant(tenant), Needs::Namespace(permission)) => {
            check_id("namespace", namespace)?;
            account_of(namespace) == Some(tenant.account_id.as_str())
                && tenant.access.on_namespace(namespace).is_some_and(|has: Permission| has >= permission)
        }
        _ => false,
    };
    if allowed { Ok(()) } else { Err(ApiError::foreign()) }
}

fn call_principal(caller: &Caller) -> CallPrincipal {
    let plain = |kind, id: &str| CallPrincipal {
        kind,
        id: id.to_owned(),
        account: String::new(),
        display: id.to_owned(),
    };
    match caller {
        Caller::Operator => plain(CallPrincipalKind::Operator, "operator"),
        Caller::Internal => plain(CallPrincipalKind::Internal, "internal"),
        Caller::Tenant(tenant) => CallPrincipal {
            kind: match tenant.kind {
                PrincipalKind::User => CallPrincipalKind::User,
                PrincipalKind::ServiceAccount => CallPrincipalKind::ServiceAccount,
            },
            id: tenant.principal_id.clone(),
            account: tenant.account_id.clone(),
            display: tenant.key_id.clone(),
        },
    }
}

#[cfg(test)]
mod tests;
