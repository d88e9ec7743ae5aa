//! Runs and invoices for cases.

use billing_core::invoice::{ForcedClose, InvoiceContent, InvoiceId, invoice_number};
use billing_core::line::{ChargeKind, InvoiceLine, PricingUnit};
use billing_core::money::{Currency, Money};
use billing_core::month::Month;
use billing_core::rate_card::RateCardRef;
use billing_core::rating::{AccountTerms, NamespaceCost};
use billing_core::usage::{Meter, MeteredUsage};
use jiff::Timestamp;

use crate::month::RatingRun;
use crate::store::{DraftWrite, FinalizeWrite, InvoiceRecord, IssuedMonth, Store};

pub(in crate::store) fn month(text: &str) -> Month {
    text.parse().unwrap()
}

/// With a part of a millisecond, which is not kept.
pub(in crate::store) fn now() -> Timestamp {
    "2026-02-03T04:05:06.789123Z".parse().unwrap()
}

pub(in crate::store) fn usd() -> Currency {
    Currency::from_code("USD").unwrap()
}

/// A run of an account's month. Two of different versions are different.
pub(in crate::store) fn run(account_id: &str, of: &str, version: u64) -> RatingRun {
    RatingRun {
        terms: AccountTerms {
            account_id: account_id.to_owned(),
            account_name: "Ac\0me".to_owned(),
            rate_card_id: "card\0".to_owned(),
            plan_id: "plan\0".to_owned(),
            add_ons: vec![],
            starts_on: None,
        },
        rate_card: RateCardRef { id: "card\0".to_owned(), version: 1 },
        month: month(of),
        usage_until: month(of).end(),
        cube_version: format!("v{version}"),
        usage: MeteredUsage::default(),
        earlier: vec![],
        forced: None,
    }
}

/// A line that charges for so many actions.
pub(in crate::store) fn line(of: Month, quantity: i128) -> InvoiceLine {
    let line = InvoiceLine {
        kind: ChargeKind::Usage(Meter::Actions),
        code: "actions\0".to_owned(),
        description: "Actions ü\0".to_owned(),
        period: of.into(),
        corrects: None,
        quantity,
        pricing_unit: PricingUnit {
            base_unit: "action\0".to_owned(),
            name: "1 million\0 Actions".to_owned(),
            size: 1_000_000,
        },
        unit_price: "0.000000001".parse().unwrap(),
        amount: Money::zero(usd()),
    };
    line.priced().unwrap()
}

/// A line that corrects a month.
pub(in crate::store) fn correction(of: Month, quantity: i128) -> InvoiceLine {
    InvoiceLine { corrects: Some(of), ..line(of, quantity) }
}

/// An invoice with these lines.
pub(in crate::store) fn content(account_id: &str, of: &str, lines: Vec<InvoiceLine>) -> InvoiceContent {
    let of = month(of);
    let total = Money::sum(usd(), lines.iter().map(|line| line.amount)).unwrap();
    let cost = |namespace: &str| NamespaceCost {
        namespace: namespace.to_owned(),
        meter: Meter::Actions,
        quantity: u128::MAX,
        amount: Money::from_nanos(usd(), i128::MIN),
    };
    InvoiceContent {
        id: InvoiceId::new(account_id, of).unwrap(),
        number: invoice_number(account_id, of).unwrap(),
        account_id: account_id.to_owned(),
        account_name: "Ac\0me".to_owned(),
        month: of,
        usage_until: of.end(),
        plan_id: "plan\0".to_owned(),
        rate_card: RateCardRef { id: "card\0".to_owned(), version: u32::MAX },
        currency: usd(),
        lines,
        namespace_costs: vec![cost("orders\0"), cost("")],
        total,
        forced: Some(ForcedClose { reason: "a\0b".to_owned(), missing: vec!["cell \0".to_owned()] }),
    }
}

/// An invoice over so many actions.
pub(in crate::store) fn plain(account_id: &str, of: &str, quantity: i128) -> InvoiceContent {
    content(account_id, of, vec![line(month(of), quantity), line(month(of), 1_000_000)])
}

/// Keeps a run and makes the invoice the month's draft.
pub(in crate::store) async fn put_draft(store: &Store, content: &InvoiceContent) -> DraftWrite {
    let run = run(&content.account_id, &content.month.to_string(), 1);
    let run_id = store.insert_run(&run, now()).await.unwrap();
    store.write_draft(content, &run_id, now()).await.unwrap()
}

/// Issues the month's draft if it is this one.
pub(in crate::store) async fn finalize(
    store: &Store,
    content: &InvoiceContent,
    corrected: &[IssuedMonth],
) -> FinalizeWrite {
    store.finalize(&content.id, &content.hash().to_string(), corrected, now()).await.unwrap()
}

/// Makes it the month's draft and issues it.
pub(in crate::store) async fn issue(store: &Store, content: &InvoiceContent) -> InvoiceRecord {
    assert_eq!(put_draft(store, content).await, DraftWrite::Written);
    match finalize(store, content, &[]).await {
        FinalizeWrite::Issued(record) => *record,
        other => panic!("{other:?}"),
    }
}

/// What stands.
pub(in crate::store) async fn stored(store: &Store, content: &InvoiceContent) -> Option<InvoiceRecord> {
    store.invoice(&content.id).await.unwrap()
}
