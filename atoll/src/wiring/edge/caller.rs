//! The caller of a forwarded call, as a header.

use std::collections::BTreeMap;
use std::sync::Arc;

use atoll_api::call::{CallContext, Principal, PrincipalKind};
use atoll_internal_api::cell::v1::{AccountRole, Grant};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use serde::{Deserialize, Serialize};

/// Carries the caller. Only believed beside the internal token.
pub(crate) const CALLER_HEADER: &str = "atoll-caller";

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    User,
    ServiceAccount,
    Certificate,
    Operator,
    Internal,
}

/// Who calls, and what was granted to them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ForwardedCaller {
    kind: Kind,
    id: String,
    account: String,
    display: String,
    /// By its name in `admin.proto`, exactly as it was granted.
    account_role: String,
    namespaces: BTreeMap<String, String>,
}

impl ForwardedCaller {
    /// The caller that authentication found; none where it found nobody.
    pub(crate) fn of(ctx: &CallContext) -> Option<Self> {
        let principal = ctx.principal.as_ref()?;
        let grant = ctx.extensions.get::<Grant>().cloned().unwrap_or_default();
        Some(Self {
            kind: match principal.kind {
                PrincipalKind::User => Kind::User,
                PrincipalKind::ServiceAccount => Kind::ServiceAccount,
                PrincipalKind::Certificate => Kind::Certificate,
                PrincipalKind::Operator => Kind::Operator,
                PrincipalKind::Internal => Kind::Internal,
            },
            id: principal.id.clone(),
            account: principal.account.clone(),
            display: principal.display.clone(),
            account_role: grant.account_role().as_str_name().to_owned(),
            namespaces: grant.namespaces,
        })
    }

    /// As a header's value.
    pub(crate) fn to_header(&self) -> Option<HeaderValue> {
        let json = serde_json::to_vec(self).ok()?;
        HeaderValue::from_str(&STANDARD.encode(json)).ok()
    }

    /// From a header's value; none where it is malformed.
    pub(crate) fn from_header(value: &HeaderValue) -> Option<Self> {
        let caller: Self = serde_json::from_slice(&STANDARD.decode(value.as_bytes()).ok()?).ok()?;
        AccountRole::from_str_name(&caller.account_role)?;
        Some(caller)
    }

    /// Puts principal and grant into a call.
    pub(crate) fn enter(self, ctx: &mut CallContext) {
        let Self { kind, id, account, display, account_role, namespaces } = self;
        let kind = match kind {
            Kind::User => PrincipalKind::User,
            Kind::ServiceAccount => PrincipalKind::ServiceAccount,
            Kind::Certificate => PrincipalKind::Certificate,
            Kind::Operator => PrincipalKind::Operator,
            Kind::Internal => PrincipalKind::Internal,
        };
        ctx.principal = Some(Arc::new(Principal { kind, id, account, display }));
        let account_role = AccountRole::from_str_name(&account_role).unwrap_or_default();
        ctx.extensions.insert(Grant { account_role: account_role.into(), namespaces });
    }
}
