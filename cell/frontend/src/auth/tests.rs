use super::table::TABLE;
use super::{AuthMode, Authenticate, Authorize, InternalToken, KeySet, Needs, needs};
use crate::fakes::namespace;
use crate::namespaces::NamespaceRegistry;
use atoll_api::call::{Bytes, CallContext, Code, Method, PrincipalKind, Status};
use atoll_api::temporal::api::errordetails::v1::PermissionDeniedFailure;
use atoll_api::temporal::api::operatorservice::v1::operator_service;
use atoll_api::temporal::api::workflowservice::v1 as wf;
use atoll_api::temporal::api::workflowservice::v1::workflow_service as method;
use atoll_internal_api::cell::v1::{AccountRole, ApplyKeySetRequest, Grant, KeyRecord};
use atoll_rpc::{Gate, Interceptor, ManualClock};
use prost::Message;
use prost_types::Timestamp;
use sha2::{Digest, Sha256};
use std::sync::Arc;
use uuid::Uuid;

/// Seconds since 1970 at which the tests take place.
const NOW: i64 = 1_000;
const NO_ROLE: AccountRole = AccountRole::Unspecified;
const ORDERS: Uuid = Uuid::from_u128(1);

fn key(id: &str, account_role: AccountRole, namespaces: &[(&str, &str)]) -> KeyRecord {
    KeyRecord {
        key_id: id.to_owned(),
        secret_sha256: Sha256::digest(b"secret").to_vec().into(),
        account_id: "acct1".to_owned(),
        principal: format!("user-of-{id}"),
        grant: Some(Grant {
            account_role: account_role.into(),
            namespaces: namespaces
                .iter()
                .map(|(name, role)| ((*name).to_owned(), (*role).to_owned()))
                .collect(),
        }),
        ..KeyRecord::default()
    }
}

fn pushed(generation: u64, keys: Vec<KeyRecord>) -> ApplyKeySetRequest {
    ApplyKeySetRequest { generation, keys }
}

struct Cell {
    authenticate: Authenticate,
    authorize: Authorize,
    keys: Arc<KeySet>,
}

fn cell() -> Cell {
    let expiring = |at| Some(Timestamp { seconds: at, nanos: 0 });
    let keys = Arc::new(KeySet::default());
    keys.replace(pushed(
        5,
        vec![
            key("admin", AccountRole::Admin, &[]),
            key("writer", AccountRole::Developer, &[("orders.acct1", "write")]),
            key("reader", NO_ROLE, &[("orders.acct1", "read")]),
            key("keeper", NO_ROLE, &[("orders.acct1", "admin")]),
            key("owner", AccountRole::Owner, &[]),
            key("nobody", AccountRole::Read, &[]),
            key("finance", AccountRole::FinanceAdmin, &[]),
            key("metrics", AccountRole::MetricsRead, &[]),
            // A grant that nobody should have made: it reaches into another account.
            key("reaching", NO_ROLE, &[("books.acct2", "admin")]),
            KeyRecord { expires_at: expiring(NOW + 1), ..key("lasting", AccountRole::Admin, &[]) },
            KeyRecord { expires_at: expiring(NOW), ..key("expired", AccountRole::Admin, &[]) },
            KeyRecord { disabled: true, ..key("disabled", AccountRole::Admin, &[]) },
            KeyRecord {
                secret_sha256: Bytes::from_static(b"short"),
                ..key("broken", AccountRole::Admin, &[])
            },
            KeyRecord { account_id: String::new(), ..key("homeless", AccountRole::Admin, &[]) },
        ],
    ));
    let namespaces = Arc::new(NamespaceRegistry::default());
    namespaces.put(namespace(ORDERS, "orders.acct1", "acct1"));
    namespaces.put(namespace(Uuid::from_u128(2), "books.acct2", "acct2"));
    namespaces.put(namespace(Uuid::from_u128(3), "plain", ""));
    let mode = AuthMode::Keys(Arc::clone(&keys));
    let clock = Arc::new(ManualClock::new(jiff::Timestamp::from_second(NOW).unwrap()));
    let internal = InternalToken::new("control-plane", "internal-secret");
    Cell {
        authenticate: Authenticate::new(mode.clone(), Some(internal), clock),
        authorize: Authorize::new(&mode, namespaces),
        keys,
    }
}

fn now(gate: Gate<'_>) -> Result<(), Status> {
    match gate {
        Gate::Now(decision) => decision,
        Gate::Later(_) => panic!("nothing to wait for"),
    }
}

impl Cell {
    fn call<Q: Message, A>(
        &self,
        token: &str,
        method: Method<Q, A>,
        request: &Q,
    ) -> Result<CallContext, Status> {
        let mut ctx = CallContext::new(method.info());
        if !token.is_empty() {
            ctx.headers.insert("authorization", format!("Bearer {token}").parse().unwrap());
        }
        let body = Bytes::from(request.encode_to_vec());
        now(self.authenticate.admit(&mut ctx))?;
        now(self.authorize.before(&mut ctx, &body))?;
        Ok(ctx)
    }

    /// What a key gets for the three kinds of calls in a namespace.
    fn read_write_admin(&self, token: &str, namespace: &str) -> [Option<Code>; 3] {
        let namespace = || namespace.to_owned();
        let describe = wf::DescribeWorkflowExecutionRequest { namespace: namespace(), ..Default::default() };
        let signal = wf::SignalWorkflowExecutionRequest { namespace: namespace(), ..Default::default() };
        let update = wf::UpdateNamespaceRequest { namespace: namespace(), ..Default::default() };
        [
            self.call(token, method::DESCRIBE_WORKFLOW_EXECUTION, &describe).err(),
            self.call(token, method::SIGNAL_WORKFLOW_EXECUTION, &signal).err(),
            self.call(token, method::UPDATE_NAMESPACE, &update).err(),
        ]
        .map(|refused| refused.map(|status| status.code))
    }
}

#[test]
fn who_may_do_what_where() {
    const OK: Option<Code> = None;
    const DENIED: Option<Code> = Some(Code::PermissionDenied);
    const WHO: Option<Code> = Some(Code::Unauthenticated);
    let cell = cell();
    let cases = [
        ("admin.secret", "orders.acct1", [OK, OK, OK]),
        ("owner.secret", "orders.acct1", [OK, OK, OK]),
        ("keeper.secret", "orders.acct1", [OK, OK, OK]),
        ("finance.secret", "orders.acct1", [DENIED; 3]),
        ("metrics.secret", "orders.acct1", [DENIED; 3]),
        ("writer.secret", "orders.acct1", [OK, OK, DENIED]),
        ("reader.secret", "orders.acct1", [OK, DENIED, DENIED]),
        ("nobody.secret", "orders.acct1", [DENIED; 3]),
        // Another account's, one that is nobody's, and none at all: the same.
        ("admin.secret", "books.acct2", [DENIED; 3]),
        ("admin.secret", "plain", [DENIED; 3]),
        ("admin.secret", "missing.acct2", [DENIED; 3]),
        ("reaching.secret", "books.acct2", [DENIED; 3]),
        ("homeless.secret", "plain", [DENIED; 3]),
        ("homeless.secret", "missing.", [DENIED; 3]),
        // One that the account could have: the service answers NOT_FOUND.
        ("admin.secret", "missing.acct1", [OK, OK, OK]),
        ("nobody.secret", "missing.acct1", [OK, OK, OK]),
        ("lasting.secret", "orders.acct1", [OK, OK, OK]),
        ("expired.secret", "orders.acct1", [WHO; 3]),
        ("disabled.secret", "orders.acct1", [WHO; 3]),
        ("broken.secret", "orders.acct1", [WHO; 3]),
        ("admin.wrong", "orders.acct1", [WHO; 3]),
        ("unknown.secret", "orders.acct1", [WHO; 3]),
        ("admin", "orders.acct1", [WHO; 3]),
        ("", "orders.acct1", [WHO; 3]),
        ("internal-secret", "books.acct2", [OK, OK, OK]),
        ("internal-secret", "missing.acct2", [OK, OK, OK]),
    ];
    for (token, namespace, expected) in cases {
        assert_eq!(cell.read_write_admin(token, namespace), expected, "{token:?} in {namespace}");
    }
}

#[test]
fn strangers_cannot_tell_what_exists() {
    let cell = cell();
    let signal = |namespace: &str| wf::SignalWorkflowExecutionRequest {
        namespace: namespace.to_owned(),
        ..Default::default()
    };
    let refused = |token: &str, namespace: &str| {
        cell.call(token, method::SIGNAL_WORKFLOW_EXECUTION, &signal(namespace)).unwrap_err()
    };
    let foreign = refused("admin.secret", "books.acct2");
    assert!(foreign.detail::<PermissionDeniedFailure>().is_some());
    assert_eq!(foreign, refused("admin.secret", "missing.acct2"));
    let nobody = refused("", "orders.acct1");
    for token in ["unknown.secret", "admin.wrong", "expired.secret"] {
        assert_eq!(nobody, refused(token, "orders.acct1"), "{token}");
    }
    let describe = |id: Uuid| wf::DescribeNamespaceRequest { id: id.to_string(), ..Default::default() };
    let by_id = |id: Uuid| cell.call("admin.secret", method::DESCRIBE_NAMESPACE, &describe(id)).err();
    assert_eq!(by_id(ORDERS), None);
    assert_eq!(by_id(Uuid::from_u128(2)), by_id(Uuid::from_u128(99)));
    assert_eq!(by_id(Uuid::from_u128(2)).map(|status| status.code), Some(Code::PermissionDenied));
}

#[test]
fn calls_without_a_namespace() {
    let cell = cell();
    let info = wf::GetSystemInfoRequest::default();
    let ctx = cell.call("nobody.secret", method::GET_SYSTEM_INFO, &info).unwrap();
    let principal = ctx.principal.unwrap();
    assert_eq!((&*principal.id, &*principal.account), ("user-of-nobody", "acct1"));
    let stranger = cell.call("", method::GET_SYSTEM_INFO, &info).unwrap_err();
    assert_eq!(stranger.code, Code::Unauthenticated);
    let ctx = cell.call("internal-secret", method::GET_SYSTEM_INFO, &info).unwrap();
    assert_eq!(ctx.principal.unwrap().kind, PrincipalKind::Internal);

    let unnamed = wf::SignalWorkflowExecutionRequest::default();
    let refused = cell.call("admin.secret", method::SIGNAL_WORKFLOW_EXECUTION, &unnamed).unwrap_err();
    assert_eq!(refused, Status::invalid_argument("Namespace is empty."));
    let register = wf::RegisterNamespaceRequest { namespace: "new.acct1".to_owned(), ..Default::default() };
    let refused = cell.call("admin.secret", method::REGISTER_NAMESPACE, &register).unwrap_err();
    assert_eq!(refused.code, Code::PermissionDenied);
}

#[test]
fn an_older_key_set_changes_nothing_and_a_newer_one_takes_keys_away() {
    let cell = cell();
    let may = |cell: &Cell| cell.read_write_admin("admin.secret", "orders.acct1")[0];
    assert_eq!(cell.keys.replace(pushed(4, Vec::new())), 5);
    assert_eq!(may(&cell), None);
    assert_eq!(cell.keys.replace(pushed(6, Vec::new())), 6);
    assert_eq!(may(&cell), Some(Code::Unauthenticated));
}

#[test]
fn an_open_cell_asks_nobody() {
    let namespaces = Arc::new(NamespaceRegistry::default());
    let clock = Arc::new(ManualClock::new(jiff::Timestamp::UNIX_EPOCH));
    let open = Cell {
        authenticate: Authenticate::new(AuthMode::Open, None, clock),
        authorize: Authorize::new(&AuthMode::Open, namespaces),
        keys: Arc::default(),
    };
    assert_eq!(open.read_write_admin("", "anything"), [None; 3]);
}

#[test]
fn every_method_is_in_the_table_once() {
    let names: Vec<_> = TABLE.iter().flat_map(|(names, _)| names.iter()).collect();
    let methods = || method::METHODS.iter().chain(&operator_service::METHODS);
    for info in methods() {
        let listed = names.iter().filter(|name| **name == &info.name).count();
        assert_eq!(listed, 1, "{}", info.name);
        let needs = needs(info).expect(info.name);
        assert!(!matches!(needs, Needs::Namespace(_)) || info.namespace_field.is_some(), "{}", info.name);
    }
    assert_eq!(names.len(), methods().count(), "no stale name");
    for (names, _) in TABLE {
        assert!(names.is_sorted(), "{names:?}");
    }
}
