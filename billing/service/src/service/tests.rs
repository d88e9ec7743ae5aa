use std::sync::atomic::{AtomicUsize, Ordering};

use atoll_api::call::{Bytes, Code, Method, Principal, PrincipalKind};
use atoll_internal_api::billing::v1::billing_service::{
    CLOSE_MONTH, GET_INVOICE, GET_RATE_CARD, LIST_INVOICES,
};
use atoll_internal_api::cell::v1::{AccountRole, Grant};
use atoll_rpc::{Dispatcher, Gate, Interceptor};

use super::*;
use crate::month::{MonthError, MonthOutcome, MonthRequest};
use crate::test_support::{DirectRunner, World};

/// Who calls, by the header `x-caller`: `operator`, or an account id with `x-owner` for its owner.
struct Callers;

impl Interceptor for Callers {
    fn before<'a>(&'a self, ctx: &'a mut CallContext, _body: &'a Bytes) -> Gate<'a> {
        let account_role = ctx.header("x-owner").map_or(AccountRole::Read, |_| AccountRole::Owner);
        ctx.extensions.insert(Grant { account_role: account_role.into(), ..Grant::default() });
        ctx.principal = ctx.header("x-caller").map(|caller| {
            let is_operator = caller == "operator";
            Arc::new(Principal {
                kind: if is_operator { PrincipalKind::Operator } else { PrincipalKind::User },
                id: caller.to_owned(),
                account: if is_operator { String::new() } else { caller.to_owned() },
                display: caller.to_owned(),
            })
        });
        Ok(()).into()
    }
}

/// Counts what it runs.
struct CountingRunner {
    inner: Arc<DirectRunner>,
    runs: AtomicUsize,
}

#[async_trait]
impl MonthRunner for CountingRunner {
    async fn run(&self, request: MonthRequest) -> Result<MonthOutcome, MonthError> {
        self.runs.fetch_add(1, Ordering::SeqCst);
        self.inner.run(request).await
    }
}

pub(crate) struct Client {
    pub(crate) world: World,
    pub(crate) dispatcher: Dispatcher,
    runner: Arc<CountingRunner>,
}

impl Client {
    pub(crate) async fn new() -> Self {
        let world = World::new().await;
        let runner = Arc::new(CountingRunner { inner: world.runner(), runs: AtomicUsize::new(0) });
        let service = world.billing.service(Arc::<CountingRunner>::clone(&runner));
        let dispatcher = Dispatcher::builder("billing")
            .descriptors(atoll_internal_api::descriptor_pool())
            .interceptor(Arc::new(Callers))
            .service(service)
            .build()
            .unwrap();
        Self { world, dispatcher, runner }
    }

    async fn call<Q, A>(&self, caller: &str, method: Method<Q, A>, request: Q) -> Result<A, Status>
    where
        Q: prost::Message,
        A: prost::Message + Default,
    {
        let mut ctx = CallContext::new(method.info());
        if !caller.is_empty() {
            let (account, is_owner) =
                caller.strip_suffix("/read").map_or((caller, true), |account| (account, false));
            ctx.headers.insert("x-caller", account.parse().unwrap());
            if is_owner {
                ctx.headers.insert("x-owner", "1".parse().unwrap());
            }
        }
        self.dispatcher.invoke(ctx, method, &request).await
    }

    pub(crate) async fn close(&self, caller: &str, month: &str) -> Result<pb::Invoice, Status> {
        self.close_with(caller, pb::CloseMonthRequest { month: month.to_owned(), ..acme1() }).await
    }

    async fn close_with(&self, caller: &str, request: pb::CloseMonthRequest) -> Result<pb::Invoice, Status> {
        Ok(self.call(caller, CLOSE_MONTH, request).await?.invoice.unwrap())
    }

    async fn get(&self, caller: &str, invoice_id: &str) -> Result<pb::Invoice, Status> {
        let request = pb::GetInvoiceRequest { invoice_id: invoice_id.to_owned() };
        Ok(self.call(caller, GET_INVOICE, request).await?.invoice.unwrap())
    }

    async fn list(
        &self,
        caller: &str,
        page_size: i32,
        page_token: &str,
    ) -> Result<pb::ListInvoicesResponse, Status> {
        let request = pb::ListInvoicesRequest {
            account_id: "acme1".to_owned(),
            page_size,
            page_token: page_token.to_owned(),
        };
        self.call(caller, LIST_INVOICES, request).await
    }
}

fn acme1() -> pb::CloseMonthRequest {
    pb::CloseMonthRequest {
        account_id: "acme1".to_owned(),
        month: "2026-01".to_owned(),
        preview: false,
        force: None,
    }
}

fn refused<T: std::fmt::Debug>(result: Result<T, Status>) -> (Code, String) {
    let status = result.unwrap_err();
    (status.code, status.message)
}

#[tokio::test]
async fn closing_twice_gives_the_same_invoice() {
    let client = Client::new().await;
    client.world.usage.add_actions("acme1", "2026-01-10T05:00:00Z", "orders.acme1", 8_000);
    client.world.usage.add_actions("acme1", "2026-01-10T06:00:00Z", "mail.acme1", 2_000);
    let invoice = client.close("acme1", "2026-01").await.unwrap();
    assert_eq!(invoice.id, "inv-acme1-2026-01");
    assert_eq!(invoice.number, "ATOLL-ACME1-202601");
    assert_eq!(invoice.status(), pb::InvoiceStatus::Finalized);
    assert_eq!((invoice.total.as_str(), invoice.currency.as_str()), ("0.55", "USD"));
    let line = &invoice.lines[0];
    assert_eq!(
        [
            &line.description,
            &line.quantity,
            &line.unit,
            &line.pricing_quantity,
            &line.pricing_unit,
            &line.unit_price,
            &line.amount
        ],
        ["Actions", "10000", "action", "0.01", "1 million Actions", "50", "0.50"]
    );
    let costs: Vec<_> =
        invoice.namespace_costs.iter().map(|cost| (cost.namespace.as_str(), cost.amount.as_str())).collect();
    assert_eq!(costs, [("mail.acme1", "0.10"), ("orders.acme1", "0.40")]);

    client.world.usage.add_actions("acme1", "2026-01-10T05:00:00Z", "orders.acme1", 10_000);
    assert_eq!(client.close("operator", "2026-01").await.unwrap(), invoice);
    assert_eq!(client.get("acme1", "inv-acme1-2026-01").await.unwrap(), invoice);
    assert_eq!(client.runner.runs.load(Ordering::SeqCst), 1, "a closed month starts no workflow");
}

#[tokio::test]
async fn an_incomplete_month_is_refused_by_cell_shard_and_hour() {
    let client = Client::new().await;
    client.world.usage.set_missing(&[("b", 3, "2026-01-31T23:00:00Z"), ("b", 4, "2026-02-01T00:00:00Z")]);
    assert_eq!(
        refused(client.close("acme1", "2026-01").await),
        (
            Code::FailedPrecondition,
            "month 2026-01 is not complete: missing cell b, shard 3, hour 2026-01-31T23:00:00Z".to_owned()
        )
    );
    assert_eq!(client.runner.runs.load(Ordering::SeqCst), 0);
    assert_eq!(refused(client.get("acme1", "inv-acme1-2026-01").await).0, Code::NotFound);
    client.world.usage.set_missing(&[("b", 4, "2026-02-01T00:00:00Z")]);
    assert_eq!(client.close("acme1", "2026-01").await.unwrap().status(), pb::InvoiceStatus::Finalized);
}

#[tokio::test]
async fn operators_force_and_the_invoice_says_what_was_missing() {
    let client = Client::new().await;
    client.world.usage.set_missing(&[("b", 3, "2026-01-31T23:00:00Z")]);
    let forced = |reason: &str| pb::CloseMonthRequest {
        force: Some(pb::ForceClose { reason: reason.to_owned() }),
        ..acme1()
    };
    assert_eq!(refused(client.close_with("acme1", forced("disk lost")).await).0, Code::PermissionDenied);
    for wrong in ["", "  ", &"x".repeat(501)] {
        assert_eq!(refused(client.close_with("operator", forced(wrong)).await).0, Code::InvalidArgument);
    }
    let invoice = client.close_with("operator", forced("disk lost")).await.unwrap();
    let stated = invoice.forced.unwrap();
    assert_eq!(stated.reason, "disk lost");
    assert_eq!(stated.missing, ["cell b, shard 3, hour 2026-01-31T23:00:00Z"]);

    client.world.usage.set_missing(&[]);
    client.world.usage.add_actions("acme1", "2026-01-31T23:00:00Z", "orders.acme1", 100_000);
    client.world.clock.set("2026-03-01T00:00:00Z".parse().unwrap());
    let next = client
        .close_with("operator", pb::CloseMonthRequest { month: "2026-02".to_owned(), ..forced("x") })
        .await;
    let next = next.unwrap();
    assert_eq!(next.forced, None, "nothing was missing");
    let corrections: Vec<_> = next.lines.iter().filter(|line| line.corrects_month == "2026-01").collect();
    assert_eq!(corrections[0].description, "Correction of 2026-01: Actions");
    assert_eq!(next.total, "5.50");
}

#[tokio::test]
async fn a_preview_drafts_to_the_last_complete_hour_and_stores_nothing() {
    let client = Client::new().await;
    client.world.clock.set("2026-01-20T00:30:00Z".parse().unwrap());
    client.world.usage.set_missing(&[("a", 1, "2026-01-19T23:00:00Z")]);
    client.world.usage.add_actions("acme1", "2026-01-19T22:00:00Z", "orders.acme1", 10_000);
    client.world.usage.add_actions("acme1", "2026-01-19T23:00:00Z", "orders.acme1", 10_000);
    let preview = pb::CloseMonthRequest { preview: true, ..acme1() };
    let draft = client.close_with("acme1", preview.clone()).await.unwrap();
    assert_eq!(draft.status(), pb::InvoiceStatus::Draft);
    assert_eq!(draft.total, "0.55");
    assert_eq!(
        draft.usage_until.unwrap().seconds,
        "2026-01-19T23:00:00Z".parse::<jiff::Timestamp>().unwrap().as_second()
    );
    assert_eq!(refused(client.get("acme1", &draft.id).await).0, Code::NotFound);
    assert_eq!(
        refused(client.close("acme1", "2026-01").await),
        (Code::FailedPrecondition, "month 2026-01 is not over: it ends at 2026-02-01T00:00:00Z".to_owned())
    );
    let both = pb::CloseMonthRequest { force: Some(pb::ForceClose::default()), ..preview.clone() };
    assert_eq!(refused(client.close_with("operator", both).await).0, Code::InvalidArgument);
    let later = pb::CloseMonthRequest { month: "2026-02".to_owned(), ..preview.clone() };
    assert_eq!(
        refused(client.close_with("acme1", later).await),
        (Code::FailedPrecondition, "no hour of month 2026-02 is complete yet".to_owned())
    );

    client.world.clock.set("2026-02-01T00:00:00Z".parse().unwrap());
    client.world.usage.set_missing(&[]);
    let closed = client.close("acme1", "2026-01").await.unwrap();
    assert_eq!(
        client.close_with("acme1", preview).await.unwrap(),
        closed,
        "a closed month shows its invoice"
    );
}

#[tokio::test]
async fn accounts_that_are_not_invoiced_say_so() {
    let client = Client::new().await;
    let of = |account: &str| pb::CloseMonthRequest { account_id: account.to_owned(), ..acme1() };
    assert_eq!(
        refused(client.close_with("operator", of("nobdy")).await),
        (Code::NotFound, r#"account "nobdy" does not exist"#.to_owned())
    );
    assert_eq!(
        refused(client.close_with("operator", of("system")).await),
        (Code::FailedPrecondition, r#"account "system" is never invoiced"#.to_owned())
    );
    let preview = pb::CloseMonthRequest { preview: true, ..of("system") };
    assert_eq!(refused(client.close_with("operator", preview).await).0, Code::FailedPrecondition);
    client.world.accounts.set("acme1", "gold");
    assert_eq!(
        refused(client.close("operator", "2026-01").await),
        (
            Code::FailedPrecondition,
            r#"cannot be rated: rate card "pay-as-you-go" version 1 has no plan "gold""#.to_owned()
        )
    );
    client.world.accounts.set("acme1", "developer");
    assert_eq!(
        refused(client.close("operator", "2020-01").await).0,
        Code::FailedPrecondition,
        "before the first card"
    );
    client.world.usage.set_failing(true);
    assert_eq!(refused(client.close("operator", "2026-01").await).0, Code::Unavailable);
}

#[tokio::test]
async fn malformed_requests_are_invalid() {
    let client = Client::new().await;
    for (account, month, message) in [
        ("", "2026-01", "account_id is required"),
        ("a/b", "2026-01", r#"account id "a/b" is not 1 to 32 characters of a-z and 0-9"#),
        ("acme1", "", "month is required"),
        ("acme1", "2026-1", r#""2026-1" is not a month such as "2026-01""#),
    ] {
        let request = pb::CloseMonthRequest {
            account_id: account.to_owned(),
            month: month.to_owned(),
            preview: false,
            force: None,
        };
        let refusal = refused(client.close_with("operator", request).await);
        assert_eq!(refusal, (Code::InvalidArgument, message.to_owned()));
    }
    for month in ["2026-13", "2026-00", "0000-00", "9999-12", "-026-01", "2026-01-01", "2026\u{0663}01"] {
        assert_eq!(refused(client.close("operator", month).await).0, Code::InvalidArgument, "{month}");
    }
    // Months they are, with nothing to close in them.
    for month in ["2000-01", "9998-12"] {
        assert_eq!(refused(client.close("operator", month).await).0, Code::FailedPrecondition, "{month}");
    }
    assert_eq!(refused(client.get("operator", "").await).0, Code::InvalidArgument);
    assert_eq!(refused(client.get("operator", "inv-acme1").await).0, Code::InvalidArgument);
    assert_eq!(refused(client.list("operator", 101, "").await).0, Code::InvalidArgument);
    assert_eq!(refused(client.list("operator", -1, "").await).0, Code::InvalidArgument);
    assert_eq!(refused(client.list("operator", 0, "?").await).0, Code::InvalidArgument);
}

#[tokio::test]
async fn others_learn_nothing() {
    let client = Client::new().await;
    client.close("acme1", "2026-01").await.unwrap();
    for (caller, code) in [
        ("", Code::Unauthenticated),
        ("other", Code::PermissionDenied),
        ("acme1/read", Code::PermissionDenied),
    ] {
        assert_eq!(refused(client.close(caller, "2026-01").await).0, code);
        assert_eq!(refused(client.get(caller, "inv-acme1-2026-01").await).0, code);
        assert_eq!(refused(client.list(caller, 0, "").await).0, code);
        let preview = pb::CloseMonthRequest { preview: true, ..acme1() };
        assert_eq!(refused(client.close_with(caller, preview).await).0, code);
    }
    let there = refused(client.get("other", "inv-acme1-2026-01").await);
    assert_eq!(refused(client.get("other", "inv-nobdy-2026-01").await), there, "no oracle for what exists");
}

#[tokio::test]
async fn invoices_are_listed_newest_first_in_pages() {
    let client = Client::new().await;
    client.world.clock.set("2026-04-01T00:00:00Z".parse().unwrap());
    for month in ["2026-03", "2026-01", "2026-02"] {
        client.close("acme1", month).await.unwrap();
    }
    let months =
        |page: &pb::ListInvoicesResponse| page.invoices.iter().map(|i| i.month.clone()).collect::<Vec<_>>();
    let first = client.list("acme1", 2, "").await.unwrap();
    assert_eq!(months(&first), ["2026-03", "2026-02"]);
    assert!(first.invoices.iter().all(|invoice| invoice.lines.is_empty()));
    let second = client.list("acme1", 2, &first.next_page_token).await.unwrap();
    assert_eq!((months(&second), second.next_page_token.as_str()), (vec!["2026-01".to_owned()], ""));
    assert_eq!(client.list("acme1", 3, "").await.unwrap().next_page_token, "");
}

#[tokio::test]
async fn rate_cards_show_allotments_and_tiers() {
    let client = Client::new().await;
    let request = |month: &str| pb::GetRateCardRequest {
        rate_card_id: "pay-as-you-go".to_owned(),
        month: month.to_owned(),
    };
    let card = client.call("other/read", GET_RATE_CARD, request("2026-01")).await.unwrap().rate_card.unwrap();
    let business = card.plans.iter().find(|plan| plan.id == "business").unwrap();
    assert_eq!((business.minimum_fee.as_str(), business.fee_share_of_usage.as_str()), ("500", "0.1"));
    let actions = &business.prices[0];
    assert_eq!((actions.included.as_str(), actions.tiers.len()), ("2500000", 6));
    assert_eq!((actions.tiers[0].up_to.as_str(), actions.tiers[0].unit_price.as_str()), ("5000000", "50"));
    assert_eq!(actions.tiers[5].up_to, "");
    assert_eq!(refused(client.call("other", GET_RATE_CARD, request("2020-01")).await).0, Code::NotFound);
    assert_eq!(refused(client.call("", GET_RATE_CARD, request("2026-01")).await).0, Code::Unauthenticated);
}
