use std::collections::BTreeSet;
use std::time::Duration;

use atoll_api::call::{CallContext, Code, Method, MethodInfo};
use atoll_api::temporal::api::cloud::cloudservice::v1::{self as cloud, cloud_service};
use atoll_internal_api::cell::v1::{Grant, WatchRoutesRequest, routing_service};
use atoll_internal_api::operator::v1::{ListCellsRequest, ListCellsResponse, operator_service};
use jiff::SignedDuration;

use super::rules::RULES;
use super::*;
use crate::model::AccountRole;
use crate::store::Lock;
use crate::test_support::{INTERNAL_TOKEN, OPERATOR_KEY, TestAccount, TestCloud};

/// A service of another piece that stands beside ours: it says who the guard let in, and with what.
struct Neighbour;

impl atoll_api::call::RawService for Neighbour {
    fn info(&self) -> &'static atoll_api::call::ServiceInfo {
        &atoll_internal_api::usage::v1::usage_service::SERVICE
    }

    fn call<'a>(
        &'a self,
        ctx: &'a CallContext,
        _method: &'static MethodInfo,
        _body: Bytes,
    ) -> BoxFuture<'a, Result<atoll_api::call::Reply, Status>> {
        let principal = ctx.principal.as_ref().map(|principal| principal.account.clone()).unwrap_or_default();
        let grant = ctx.extensions.get::<Grant>().map_or("none", |grant| grant.account_role().as_str_name());
        Box::pin(std::future::ready(Err(Status::aborted(format!("{principal}:{grant}")))))
    }
}

#[tokio::test]
async fn a_service_beside_ours_sees_who_calls_and_decides_itself() {
    use atoll_internal_api::usage::v1::{ListUsageRequest, usage_service};
    let test = TestCloud::with_services(&["a"], vec![Arc::new(Neighbour)]).await;
    let account = test.account("acme").await;
    let request = ListUsageRequest::default();
    let answer = async |token: &str| test.call(token, usage_service::LIST_USAGE, &request).await.unwrap_err();
    let mut seen = std::collections::BTreeMap::new();
    for role in ALL_ROLES {
        set_role(&test, &account, role).await;
        seen.insert(format!("{role:?}"), answer(&account.token).await.message);
    }
    let expected = [
        ("Some(Owner)", "ACCOUNT_ROLE_OWNER"),
        ("Some(Admin)", "ACCOUNT_ROLE_ADMIN"),
        ("Some(Developer)", "ACCOUNT_ROLE_DEVELOPER"),
        ("Some(FinanceAdmin)", "ACCOUNT_ROLE_FINANCE_ADMIN"),
        ("Some(Read)", "ACCOUNT_ROLE_READ"),
        ("Some(MetricsRead)", "ACCOUNT_ROLE_METRICS_READ"),
        ("None", "ACCOUNT_ROLE_UNSPECIFIED"),
    ];
    let expected = expected.map(|(role, said)| (role.to_owned(), format!("{}:{said}", account.id)));
    assert_eq!(seen, expected.into());
    assert_eq!(answer(OPERATOR_KEY).await.message, ":none");
    assert_eq!(answer("nobody.secret").await.code, Code::Unauthenticated);
}

/// Every role that a principal can have.
const ALL_ROLES: [Option<AccountRole>; 7] = [
    Some(AccountRole::Owner),
    Some(AccountRole::Admin),
    Some(AccountRole::Developer),
    Some(AccountRole::FinanceAdmin),
    Some(AccountRole::Read),
    Some(AccountRole::MetricsRead),
    None,
];

/// Gives an account's first user another role.
async fn set_role(test: &TestCloud, account: &TestAccount, account_role: Option<AccountRole>) {
    let access = Access { account_role, namespaces: Default::default() };
    let mut transaction = test.activities.store.begin(Lock::Account(&account.id)).await.unwrap();
    transaction.set_access(&account.owner_id, &access, 1).await.unwrap();
    transaction.commit().await.unwrap();
}

/// `GetUsage` by each role, as published: owners, admins, finance admins.
#[tokio::test]
async fn usage_is_for_owners_admins_and_finance_admins() {
    let test = TestCloud::new(&["a"]).await;
    let account = test.account("acme").await;
    let request = cloud::GetUsageRequest::default();
    let mut codes = Vec::new();
    for role in ALL_ROLES {
        set_role(&test, &account, role).await;
        codes.push(test.call(&account.token, cloud_service::GET_USAGE, &request).await.unwrap_err().code);
    }
    // Metering is not there: who gets as far may read.
    let (may, not) = (Code::Unavailable, Code::PermissionDenied);
    assert_eq!(codes, [may, may, not, may, not, not, not]);
}

/// A context as the guard makes it, for calling an implementation behind its back.
fn admitted(method: &'static MethodInfo) -> CallContext {
    let mut ctx = CallContext::new(method);
    ctx.extensions.insert(Caller::Operator);
    ctx
}

/// Every method that answers anything but UNIMPLEMENTED is in the table, and everything in the table is a method that
/// is implemented.
#[tokio::test]
async fn the_table_holds_exactly_what_is_implemented() {
    let test = TestCloud::new(&["a"]).await;
    let unguarded = [
        cloud_service::raw(Arc::new(crate::cloud::CloudApi {
            store: test.activities.store.clone(),
            clock: Arc::new(test.clock.clone()),
            entropy: Arc::new(crate::entropy::SystemEntropy),
            outbox: Arc::default(),
            limits: crate::test_support::LIMITS,
            usage: None,
            gateway_address: String::new(),
        })),
        operator_service::raw(Arc::new(crate::operator::OperatorApi {
            store: test.activities.store.clone(),
            clock: Arc::new(test.clock.clone()),
            entropy: Arc::new(crate::entropy::SystemEntropy),
            reconcile: Arc::default(),
        })),
        routing_service::raw(Arc::new(test.activities.routes.clone())),
    ];
    let mut implemented = BTreeSet::new();
    for service in unguarded {
        for method in service.info().methods {
            let ctx = admitted(method);
            let answer =
                tokio::time::timeout(Duration::from_secs(60), service.call(&ctx, method, Bytes::new()));
            let answer = answer.await.unwrap();
            if !answer.is_err_and(|status| status.code == Code::Unimplemented) {
                implemented.insert((method.service, method.name));
            }
        }
    }
    let listed: BTreeSet<_> = RULES.iter().map(|rule| (rule.0, rule.1)).collect();
    assert_eq!(listed, implemented);
    assert_eq!(listed.len(), RULES.len(), "a method is listed twice");
}

/// What each method is meant to need, written by hand from the published roles. It is not read off the guard's own
/// table: whoever moves a method there has to move it here, and a reviewer sees who gains or loses it.
#[rustfmt::skip]
const EXPECTED: &[(&str, &str, Needs)] = &[
    ("temporal.api.cloud.cloudservice.v1.CloudService", "CreateNamespace", Needs::CreateNamespaces),
    ("temporal.api.cloud.cloudservice.v1.CloudService", "UpdateNamespace", Needs::Namespace(Permission::Write)),
    ("temporal.api.cloud.cloudservice.v1.CloudService", "DeleteNamespace", Needs::Namespace(Permission::Admin)),
    ("temporal.api.cloud.cloudservice.v1.CloudService", "GetNamespace", Needs::Namespace(Permission::Read)),
    ("temporal.api.cloud.cloudservice.v1.CloudService", "GetNamespaces", Needs::Member),
    ("temporal.api.cloud.cloudservice.v1.CloudService", "GetAsyncOperation", Needs::Member),
    ("temporal.api.cloud.cloudservice.v1.CloudService", "GetRegions", Needs::Anyone),
    ("temporal.api.cloud.cloudservice.v1.CloudService", "GetRegion", Needs::Anyone),
    ("temporal.api.cloud.cloudservice.v1.CloudService", "CreateApiKey", Needs::Member),
    ("temporal.api.cloud.cloudservice.v1.CloudService", "GetApiKeys", Needs::Member),
    ("temporal.api.cloud.cloudservice.v1.CloudService", "GetApiKey", Needs::Member),
    ("temporal.api.cloud.cloudservice.v1.CloudService", "DeleteApiKey", Needs::Member),
    ("temporal.api.cloud.cloudservice.v1.CloudService", "GetUsers", Needs::ReadAccount),
    ("temporal.api.cloud.cloudservice.v1.CloudService", "GetUser", Needs::ReadAccount),
    ("temporal.api.cloud.cloudservice.v1.CloudService", "GetCurrentIdentity", Needs::Member),
    ("temporal.api.cloud.cloudservice.v1.CloudService", "GetAccount", Needs::ReadAccount),
    ("temporal.api.cloud.cloudservice.v1.CloudService", "GetUsage", Needs::ReadUsage),
    ("atoll.operator.v1.OperatorService", "CreateAccount", Needs::Operator),
    ("atoll.operator.v1.OperatorService", "CreateAccountKey", Needs::Operator),
    ("atoll.operator.v1.OperatorService", "GetAccount", Needs::OperatorOrInternal),
    ("atoll.operator.v1.OperatorService", "ListAccounts", Needs::Operator),
    ("atoll.operator.v1.OperatorService", "ListCells", Needs::Operator),
    ("atoll.operator.v1.OperatorService", "DrainCell", Needs::Operator),
    ("atoll.operator.v1.OperatorService", "UndrainCell", Needs::Operator),
    ("atoll.operator.v1.OperatorService", "OverwriteCell", Needs::Operator),
    ("atoll.operator.v1.OperatorService", "ListAuditRecords", Needs::Operator),
    ("atoll.cell.v1.RoutingService", "WatchRoutes", Needs::Internal),
];

#[test]
fn each_method_needs_what_it_is_meant_to_need() {
    assert_eq!(RULES, EXPECTED);
}

/// Behind the guard nobody asks again: an operator's method that the guard lets a tenant through to is theirs.
#[tokio::test]
async fn every_method_of_operators_is_refused_to_the_owner_of_an_account() {
    let test = TestCloud::new(&["a"]).await;
    let account = test.account("acme").await;
    let mut asked = 0;
    for info in operator_service::SERVICE.methods {
        let method = Method::<ListCellsRequest, ListCellsResponse>::new(info);
        let refused = test.call(&account.token, method, &ListCellsRequest {}).await.unwrap_err();
        let expected = match needs(&format!("/{}/{}", info.service, info.name)) {
            Some(_) => Code::PermissionDenied,
            None => Code::Unimplemented,
        };
        assert_eq!(refused.code, expected, "{}: {}", info.name, refused.message);
        asked += usize::from(refused.code == Code::PermissionDenied);
    }
    assert_eq!(asked, EXPECTED.iter().filter(|rule| rule.0 == operator_service::SERVICE.name).count());
}

#[tokio::test]
async fn only_a_whole_and_living_key_is_let_in() {
    let test = TestCloud::new(&["a"]).await;
    let account = test.account("acme").await;
    let request = cloud::GetRegionsRequest {};
    let call = async |token: &str| test.call(token, cloud_service::GET_REGIONS, &request).await;
    assert_eq!(call(&account.token).await.unwrap().regions.len(), 1);
    assert!(call(OPERATOR_KEY).await.is_ok());
    let (id, _) = account.token.split_once('.').unwrap();
    for wrong in
        [id.to_owned(), format!("{id}.wrong"), format!("{}x", account.token), "nobody.secret".to_owned()]
    {
        assert_eq!(call(&wrong).await.unwrap_err().code, Code::Unauthenticated, "{wrong}");
    }
    let anonymous = CallContext::new(cloud_service::GET_REGIONS.info());
    let refused = test.cloud.invoke(anonymous, cloud_service::GET_REGIONS, &request).await;
    assert_eq!(refused.unwrap_err().code, Code::Unauthenticated);
    test.clock.advance(SignedDuration::from_hours(3 * 366 * 24));
    assert_eq!(call(&account.token).await.unwrap_err().code, Code::Unauthenticated, "expired");
}

#[tokio::test]
async fn what_is_not_built_says_so_by_name_and_only_to_those_who_may_ask() {
    let test = TestCloud::new(&["a"]).await;
    let account = test.account("acme").await;
    let request = cloud::CreateUserRequest::default();
    let status = test.call(&account.token, cloud_service::CREATE_USER, &request).await.unwrap_err();
    assert_eq!(status.code, Code::Unimplemented);
    assert!(status.message.contains("CreateUser"), "{}", status.message);
    let status = test.call("nobody.secret", cloud_service::CREATE_USER, &request).await.unwrap_err();
    assert_eq!(status.code, Code::Unauthenticated);
}

#[tokio::test]
async fn the_operator_api_is_for_operators_and_accounts_are_not() {
    let test = TestCloud::new(&["a"]).await;
    let account = test.account("acme").await;
    let cells = test.call(&account.token, operator_service::LIST_CELLS, &ListCellsRequest {}).await;
    assert_eq!(cells.unwrap_err().code, Code::PermissionDenied);
    assert!(test.call(OPERATOR_KEY, operator_service::LIST_CELLS, &ListCellsRequest {}).await.is_ok());
    assert_eq!(test.create(OPERATOR_KEY, "orders").await.unwrap_err().code, Code::PermissionDenied);
}

#[tokio::test]
async fn routes_are_for_other_pieces_of_the_cloud() {
    let test = TestCloud::new(&["a"]).await;
    let account = test.account("acme").await;
    for (token, expected) in [
        (INTERNAL_TOKEN, None),
        (account.token.as_str(), Some(Code::Unauthenticated)),
        (OPERATOR_KEY, Some(Code::Unauthenticated)),
    ] {
        let mut ctx = CallContext::new(routing_service::WATCH_ROUTES.info());
        ctx.headers.insert("authorization", format!("Bearer {token}").parse().unwrap());
        let answer =
            test.internal.invoke(ctx, routing_service::WATCH_ROUTES, &WatchRoutesRequest::default()).await;
        assert_eq!(answer.err().map(|status| status.code), expected, "{token}");
    }
}

#[test]
fn each_need_is_met_by_who_has_it_and_by_nobody_else() {
    let tenant = |account_role| {
        Caller::Tenant(Tenant {
            account_id: "acct1".to_owned(),
            principal_id: "p".to_owned(),
            kind: PrincipalKind::User,
            key_id: "k".to_owned(),
            key_expires_ms: i64::MAX,
            access: Access {
                account_role,
                namespaces: [("mine.acct1".to_owned(), Permission::Write)].into(),
            },
        })
    };
    let may = |caller: &Caller, needs, namespace| authorize(caller, needs, namespace).is_ok();
    let (admin, developer, reader, nobody) = (
        tenant(Some(AccountRole::Admin)),
        tenant(Some(AccountRole::Developer)),
        tenant(Some(AccountRole::Read)),
        tenant(None),
    );
    let namespace = Needs::Namespace;
    let table = [
        // need, namespace, admin, developer, reader, nobody, operator
        (Needs::Anyone, "", [true, true, true, true, true]),
        (Needs::Member, "", [true, true, true, true, false]),
        (Needs::ReadAccount, "", [true, true, true, false, false]),
        (Needs::CreateNamespaces, "", [true, true, false, false, false]),
        (Needs::ReadUsage, "", [true, false, false, false, false]),
        (namespace(Permission::Read), "other.acct1", [true, true, true, false, false]),
        (namespace(Permission::Write), "other.acct1", [true, false, false, false, false]),
        (namespace(Permission::Write), "mine.acct1", [true, true, true, true, false]),
        (namespace(Permission::Admin), "mine.acct1", [true, false, false, false, false]),
        (namespace(Permission::Read), "mine.acct2", [false, false, false, false, false]),
        (Needs::Operator, "", [false, false, false, false, true]),
        (Needs::OperatorOrInternal, "", [false, false, false, false, true]),
        (Needs::Internal, "", [false, false, false, false, false]),
    ];
    for (needs, namespace, expected) in table {
        let callers = [&admin, &developer, &reader, &nobody, &Caller::Operator];
        let allowed = callers.map(|caller| may(caller, needs, namespace));
        assert_eq!(allowed, expected, "{needs:?} on {namespace:?}");
    }
    assert!(
        may(&Caller::Internal, Needs::Internal, "") && may(&Caller::Internal, Needs::OperatorOrInternal, "")
    );
    assert!(!may(&Caller::Internal, Needs::Operator, "") && !may(&Caller::Internal, Needs::Member, ""));
    let nameless = authorize(&admin, namespace(Permission::Read), "");
    assert!(matches!(nameless, Err(ApiError::InvalidArgument(_))));
}
