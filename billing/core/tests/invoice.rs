//! From rated month to invoice, its hash, its states and what they book.

use billing_core::invoice::{
    ForcedClose, Invoice, InvoiceContent, InvoiceError, InvoiceEvent, InvoiceStatus,
};
use billing_core::ledger::{JournalEntry, finalization_entry, payment_entry, void_entry};
use billing_core::month::Month;
use billing_core::rate_card::{Catalog, SEED_TOML};
use billing_core::rating::{AccountTerms, rate};
use billing_core::usage::{MeteredUsage, UsageKind, UsageRow};
use proptest::prelude::*;

fn content(actions: u128, storage: u128) -> InvoiceContent {
    let month: Month = "2026-04".parse().unwrap();
    let terms = AccountTerms {
        account_id: "acme1".to_owned(),
        account_name: "Acme".to_owned(),
        rate_card_id: "pay-as-you-go".to_owned(),
        plan_id: "developer".to_owned(),
        add_ons: vec![],
        starts_on: None,
    };
    let row = |kind, quantity| UsageRow { namespace: "orders.acme1".to_owned(), kind, quantity };
    let usage = MeteredUsage::from_rows([
        row(UsageKind::Action("start_workflow".to_owned()), actions),
        row(UsageKind::ActiveStorage, storage),
    ])
    .unwrap();
    let catalog = Catalog::from_file(&toml::from_str(SEED_TOML).unwrap()).unwrap();
    let rated = rate(&terms, catalog.in_force("pay-as-you-go", month).unwrap(), month, &usage).unwrap();
    InvoiceContent::new(&terms, month, month.end(), &rated, vec![], None).unwrap()
}

fn booked(entry: &JournalEntry) -> Vec<String> {
    entry
        .postings()
        .iter()
        .map(|posting| format!("{} {}", posting.account, posting.amount.to_decimal_string()))
        .collect()
}

#[test]
fn the_same_month_gives_the_same_bytes() {
    let invoice = content(10_000, 0);
    assert_eq!(
        (invoice.id.to_string(), invoice.number.as_str()),
        ("inv-acme1-2026-04".to_owned(), "ATOLL-ACME1-202604")
    );
    assert_eq!(invoice.hash(), content(10_000, 0).hash());
    assert_eq!(
        invoice.hash().to_string(),
        "67ff5c72330ec1bdc475cc3ee640fe9682445e01a9aafd78edeaae4160b155f4",
        "frozen: stored hashes are compared with rebuilt invoices"
    );
    let json = serde_json::to_string(&invoice).unwrap();
    assert_eq!(serde_json::from_str::<InvoiceContent>(&json).unwrap(), invoice);
}

#[test]
fn every_field_is_in_the_hash() {
    let base = content(10_000, 5);
    let changes: [fn(&mut InvoiceContent); 16] = [
        |c| c.number.push('x'),
        |c| c.account_id.push('x'),
        |c| c.account_name.push('x'),
        |c| c.month = c.month.next(),
        |c| c.usage_until = c.month.start(),
        |c| c.plan_id.push('x'),
        |c| c.rate_card.version += 1,
        |c| c.lines[0].description.push('x'),
        |c| c.lines[0].corrects = Some(c.month),
        |c| c.lines[0].quantity += 1,
        |c| c.lines[0].unit_price = "51".parse().unwrap(),
        |c| c.lines[0].amount.nanos += 1,
        |c| c.namespace_costs[0].quantity += 1,
        |c| c.namespace_costs[0].namespace.push('x'),
        |c| c.total.nanos += 1,
        |c| c.forced = Some(ForcedClose { reason: "r".to_owned(), missing: vec![] }),
    ];
    for (index, change) in changes.into_iter().enumerate() {
        let mut changed = base.clone();
        change(&mut changed);
        assert_ne!(changed.hash(), base.hash(), "change {index}");
    }
}

#[test]
fn what_was_missing_when_a_month_was_forced_is_in_the_hash() {
    let forced = |missing: &[&str]| {
        let missing = missing.iter().map(|hour| (*hour).to_owned()).collect();
        let forced = Some(ForcedClose { reason: "r".to_owned(), missing });
        InvoiceContent { forced, ..content(10_000, 0) }.hash()
    };
    assert_eq!(
        forced(&["cell a"]).to_string(),
        "ed8e0f305a47a9c1432f6f66f1877aedece9a677effed4d62112b199117d5545",
        "frozen: stored hashes are compared with rebuilt invoices"
    );
    let hashes = [
        forced(&[]),
        forced(&["cell a"]),
        forced(&["cell b"]),
        forced(&["cell a", "cell b"]),
        forced(&["cell b", "cell a"]),
        forced(&["cell acell b"]),
    ];
    for (one, other) in (0..hashes.len()).flat_map(|one| (0..one).map(move |other| (one, other))) {
        assert_ne!(hashes[one], hashes[other], "{one} and {other}");
    }
}

#[test]
fn a_finalized_invoice_never_changes() {
    let draft = Invoice::draft(content(1, 0)).unwrap();
    let draft = draft.revised(content(10_000, 0)).unwrap();
    let finalized = draft.after(InvoiceEvent::Finalize).unwrap();
    assert_eq!(
        finalized.clone().revised(content(1, 0)).unwrap_err().to_string(),
        "invoice inv-acme1-2026-04 is finalized and no longer changes"
    );
    let paid = finalized.clone().after(InvoiceEvent::Pay).unwrap();
    assert_eq!((paid.status(), paid.content()), (InvoiceStatus::Paid, finalized.content()));
    assert!(matches!(paid.after(InvoiceEvent::Void), Err(InvoiceError::Transition(_))));
}

#[test]
fn contradictions_are_refused() {
    let mut wrong_line = content(10_000, 0);
    wrong_line.lines[0].amount.nanos += 1;
    assert!(matches!(Invoice::draft(wrong_line), Err(InvoiceError::Line(_))));
    let mut wrong_total = content(10_000, 0);
    wrong_total.total.nanos += 10_000_000;
    assert_eq!(
        Invoice::draft(wrong_total).unwrap_err().to_string(),
        "the lines of inv-acme1-2026-04 sum to 0.55 USD, not to 0.56 USD"
    );
}

#[test]
fn bookings_balance_and_a_void_undoes_them() {
    let invoice = content(20_123, 0);
    let entry = finalization_entry(&invoice).unwrap();
    assert_eq!((entry.id(), entry.account_id()), ("inv-acme1-2026-04:finalized", "acme1"));
    assert_eq!(
        booked(&entry),
        ["receivable 1.11", "revenue:actions -1.00615", "revenue:plan-fee -0.100615", "rounding -0.003235"]
    );
    assert_eq!(booked(&payment_entry(&invoice).unwrap()), ["receivable -1.11", "cash 1.11"]);
    assert_eq!(
        booked(&void_entry(&invoice).unwrap()),
        ["receivable -1.11", "revenue:actions 1.00615", "revenue:plan-fee 0.100615", "rounding 0.003235"]
    );
    assert_eq!(booked(&finalization_entry(&content(0, 0)).unwrap()), Vec::<String>::new());
    assert_eq!(booked(&payment_entry(&content(0, 0)).unwrap()), Vec::<String>::new());
}

proptest! {
    #![proptest_config(atoll_seed::cases(256))]

    #[test]
    fn every_invoice_books_what_it_says(actions in 0..u128::from(u64::MAX), storage in 0..u128::from(u64::MAX)) {
        let invoice = content(actions, storage);
        let entry = finalization_entry(&invoice).unwrap();
        let sum: i128 = entry.postings().iter().map(|posting| posting.amount.nanos).sum();
        prop_assert_eq!(sum, 0);
        let owed = entry.postings().iter().find(|posting| posting.account.to_string() == "receivable");
        prop_assert_eq!(owed.map_or(0, |posting| posting.amount.nanos), invoice.total.nanos);
    }
}
