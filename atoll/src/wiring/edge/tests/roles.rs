//! Every usage and billing RPC by every role, over the wire: from the Cloud API's port through to metering and billing.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use atoll_api::call::{Code, Method};
use atoll_internal_api::billing::v1::{self as billing_api, billing_service};
use atoll_internal_api::cell::v1::AccountRole;
use atoll_internal_api::usage::v1::{self as usage_api, usage_operator_service, usage_service};
use atoll_object_store::MemoryObjectStore;
use atoll_rpc::{CallOptions, Dispatcher, ManualClock, RawClient, ServerHandle, wire_time};
use billing::accounts::{AccountDirectory, AccountsUnavailable, DirectoryEntry, PayAsYouGoAccounts};
use billing::month::{MonthError, MonthOutcome, MonthRequest, MonthRunner};
use billing::usage_source::UsageServiceSource;
use metering::Metering;
use prost::Message;

use super::{Keys, TOKEN, serve};
use crate::wiring::edge::forward::ForwardService;
use crate::wiring::edge::guard::InternalGuard;

/// Every account exists.
struct Everybody;

#[async_trait]
impl AccountDirectory for Everybody {
    async fn find(&self, account_id: &str) -> Result<Option<DirectoryEntry>, AccountsUnavailable> {
        Ok(Some(DirectoryEntry { name: account_id.to_owned() }))
    }
}

/// Months are only asked for.
struct NoWorkflows;

#[async_trait]
impl MonthRunner for NoWorkflows {
    async fn run(&self, _: MonthRequest) -> Result<MonthOutcome, MonthError> {
        Err(MonthError::Unavailable { problem: "no workflows here".to_owned() })
    }
}

struct Cloud {
    _folder: tempfile::TempDir,
    _servers: Vec<ServerHandle>,
    client: RawClient,
}

impl Cloud {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = metering::Config {
            database: metering::Database::Sqlite(folder.path().join("metering.db")),
            cells: Vec::new(),
            interval: Duration::from_secs(1),
        };
        let objects = Arc::new(MemoryObjectStore::default());
        let metering = Metering::build(config, metering::Deps { objects }).await.unwrap();
        let deps = billing::Deps {
            clock: Arc::new(ManualClock::new("2026-02-03T00:00:00Z".parse().unwrap())),
            usage: Arc::new(UsageServiceSource::new(metering.usage())),
            accounts: Arc::new(PayAsYouGoAccounts::new(Arc::new(Everybody))),
        };
        let billing = billing::Config::new(billing::Database::Sqlite(folder.path().join("billing.db")));
        let billing = billing::build(&billing, deps).await.unwrap();
        let inside =
            |name: &'static str| Dispatcher::builder(name).interceptor(Arc::new(InternalGuard::new(TOKEN)));
        let services = [metering.service(), metering.operator_service()];
        let metering = services.into_iter().fold(inside("metering"), |piece, service| piece.service(service));
        let metering = serve(metering).await;
        let billing = serve(inside("billing").service(billing.service(Arc::new(NoWorkflows)))).await;
        let forward = |service, to: &ServerHandle| {
            Arc::new(ForwardService::new(service, &to.local_addr().to_string(), TOKEN).unwrap())
        };
        let edge = Dispatcher::builder("control-plane")
            .interceptor(Arc::new(Keys))
            .service(forward(&usage_service::SERVICE, &metering))
            .service(forward(&usage_operator_service::SERVICE, &metering))
            .service(forward(&billing_service::SERVICE, &billing));
        let edge = serve(edge).await;
        let client = RawClient::new(&edge.local_addr().to_string()).unwrap();
        Self { _folder: folder, _servers: vec![metering, billing, edge], client }
    }

    /// The code that a caller of account `acme1` with this role gets; none for an answer.
    async fn code<Q: Message, A: Message + Default>(
        &self,
        role: &str,
        method: Method<Q, A>,
        request: &Q,
    ) -> Option<Code> {
        let options = CallOptions::timeout(Duration::from_secs(30)).bearer(&format!("acme1:{role}"));
        self.client.call(method, request, options).await.err().map(|status| status.code)
    }

    /// What the caller gets of each call, in the order of [`CALLS`].
    async fn codes(&self, role: &str) -> [Option<Code>; CALLS.len()] {
        let account_id = || "acme1".to_owned();
        let list = billing_api::ListInvoicesRequest { account_id: account_id(), ..Default::default() };
        let get = billing_api::GetInvoiceRequest { invoice_id: "inv-acme1-2026-01".to_owned() };
        let close = billing_api::CloseMonthRequest {
            account_id: account_id(),
            month: "2026-01".to_owned(),
            ..Default::default()
        };
        let preview = billing_api::CloseMonthRequest { preview: true, ..close.clone() };
        let force = Some(billing_api::ForceClose { reason: "because".to_owned() });
        let forced = billing_api::CloseMonthRequest { force, ..close.clone() };
        let card = billing_api::GetRateCardRequest {
            rate_card_id: "pay-as-you-go".to_owned(),
            month: "2026-01".to_owned(),
        };
        // A day of January 2026.
        let at = |hour: i64| Some(wire_time::from_millis(1_768_000_000_000 + hour * 3_600_000));
        let usage = |account: &str, namespace: &str| usage_api::ListUsageRequest {
            account_id: account.to_owned(),
            namespace: namespace.to_owned(),
            start_time: at(0),
            end_time: at(1),
            ..Default::default()
        };
        let complete = usage_api::GetCompletenessRequest { start_time: at(0), end_time: at(1) };
        [
            self.code(role, billing_service::LIST_INVOICES, &list).await,
            self.code(role, billing_service::GET_INVOICE, &get).await,
            self.code(role, billing_service::CLOSE_MONTH, &close).await,
            self.code(role, billing_service::CLOSE_MONTH, &preview).await,
            self.code(role, billing_service::CLOSE_MONTH, &forced).await,
            self.code(role, billing_service::GET_RATE_CARD, &card).await,
            self.code(role, usage_service::LIST_USAGE, &usage("acme1", "")).await,
            self.code(role, usage_service::LIST_USAGE, &usage("acme1", "granted.acme1")).await,
            self.code(role, usage_service::LIST_USAGE, &usage("acme1", "other.acme1")).await,
            self.code(role, usage_service::LIST_USAGE, &usage("other", "")).await,
            self.code(role, usage_service::GET_COMPLETENESS, &complete).await,
            self.code(
                role,
                usage_operator_service::LIST_METERED_CELLS,
                &usage_api::ListMeteredCellsRequest {},
            )
            .await,
        ]
    }
}

const CALLS: [&str; 12] = [
    "ListInvoices",
    "GetInvoice",
    "CloseMonth",
    "CloseMonth, preview",
    "CloseMonth, forced",
    "GetRateCard",
    "ListUsage of the account",
    "ListUsage of a namespace that was granted",
    "ListUsage of another namespace",
    "ListUsage of another account",
    "GetCompleteness",
    "ListMeteredCells",
];

#[tokio::test]
async fn each_role_gets_what_is_published_for_it() {
    const NO: Option<Code> = Some(Code::PermissionDenied);
    const OK: Option<Code> = None;
    // What those get who may: the invoice is not there, and nobody has looked for usage yet.
    const GONE: Option<Code> = Some(Code::NotFound);
    const AWAY: Option<Code> = Some(Code::Unavailable);
    use AccountRole::*;
    let finances = [OK, GONE, AWAY, AWAY, NO, OK, OK, OK, OK, NO, AWAY, NO];
    let table = [
        (Owner, finances),
        (FinanceAdmin, finances),
        (Admin, [NO, NO, NO, NO, NO, OK, OK, OK, OK, NO, AWAY, NO]),
        (Developer, [NO, NO, NO, NO, NO, OK, NO, OK, NO, NO, AWAY, NO]),
        (Read, [NO, NO, NO, NO, NO, OK, NO, OK, NO, NO, AWAY, NO]),
        (MetricsRead, [NO, NO, NO, NO, NO, OK, NO, OK, NO, NO, AWAY, NO]),
        (Unspecified, [NO, NO, NO, NO, NO, OK, NO, OK, NO, NO, AWAY, NO]),
    ];
    let cloud = Cloud::start().await;
    for (role, expected) in table {
        let got = cloud.codes(role.as_str_name()).await;
        let named = |codes| CALLS.into_iter().zip(codes).collect::<Vec<_>>();
        assert_eq!(named(got), named(expected), "{role:?}");
    }
    // Whose key it is alone says nothing.
    let nobody = cloud.codes("").await;
    assert!(nobody.iter().all(|code| *code == Some(Code::Unauthenticated)), "{nobody:?}");
}
