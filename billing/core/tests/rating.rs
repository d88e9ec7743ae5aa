//! Rating against the public pay-as-you-go prices: the published worked examples, allotments, tiers, fees, corrections.

use billing_core::line::InvoiceLine;
use billing_core::money::Money;
use billing_core::month::Month;
use billing_core::rate_card::{Catalog, SEED_TOML};
use billing_core::rating::{
    AccountTerms, RatedMonth, RatingError, corrections, rate, with_corrections_and_rounding,
};
use billing_core::usage::{Meter, MeteredUsage, UsageKind, UsageRow};
use proptest::prelude::*;

/// Byte-milliseconds in a GBh.
const GBH: u128 = 1_000_000_000 * 3_600_000;

fn catalog() -> Catalog {
    Catalog::from_file(&toml::from_str(SEED_TOML).unwrap()).unwrap()
}

fn month() -> Month {
    "2026-04".parse().unwrap()
}

fn terms(plan: &str) -> AccountTerms {
    AccountTerms {
        account_id: "acme1".to_owned(),
        account_name: "Acme".to_owned(),
        rate_card_id: "pay-as-you-go".to_owned(),
        plan_id: plan.to_owned(),
        add_ons: vec![],
        starts_on: None,
    }
}

fn row(namespace: &str, kind: UsageKind, quantity: u128) -> UsageRow {
    UsageRow { namespace: namespace.to_owned(), kind, quantity }
}

fn starts(quantity: u128) -> UsageRow {
    row("orders.acme1", UsageKind::Action("start_workflow".to_owned()), quantity)
}

fn rate_rows(terms: &AccountTerms, rows: Vec<UsageRow>) -> Result<RatedMonth, RatingError> {
    let catalog = catalog();
    rate(
        terms,
        catalog.in_force(&terms.rate_card_id, month()).unwrap(),
        month(),
        &MeteredUsage::from_rows(rows).unwrap(),
    )
}

/// Code and amount of each line.
fn shown(lines: &[InvoiceLine]) -> Vec<(String, String)> {
    lines.iter().map(|line| (line.code.clone(), line.amount.to_decimal_string())).collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(code, amount)| ((*code).to_owned(), (*amount).to_owned())).collect()
}

#[test]
fn ten_thousand_actions_on_developer_cost_55_cents() {
    let rated = rate_rows(&terms("developer"), vec![starts(10_000)]).unwrap();
    assert_eq!(shown(&rated.lines), pairs(&[("actions", "0.50"), ("plan-fee.percentage", "0.05")]));
    let totalled = with_corrections_and_rounding(&rated, vec![], month()).unwrap();
    assert_eq!(totalled.total.to_string(), "0.55 USD");
    assert_eq!(totalled.lines, rated.lines, "a whole number of cents needs no rounding line");
    let line = &rated.lines[0];
    assert_eq!(
        (line.quantity, line.unit_price.to_string(), line.pricing_unit.size),
        (10_000, "50".to_owned(), 1_000_000)
    );
    assert_eq!(line.description, "Actions");
}

#[test]
fn an_excess_of_11_25_million_actions_costs_525() {
    let rated = rate_rows(&terms("business"), vec![starts(2_500_000 + 11_250_000)]).unwrap();
    assert_eq!(
        shown(&rated.lines),
        pairs(&[
            ("actions.included", "0.00"),
            ("actions.tier-1", "250.00"),
            ("actions.tier-2", "225.00"),
            ("actions.tier-3", "50.00"),
            ("plan-fee.minimum", "500.00"),
        ])
    );
    assert_eq!(rated.usage_spend.to_string(), "525.00 USD");
    let descriptions: Vec<_> = rated.lines.iter().map(|line| line.description.as_str()).collect();
    assert_eq!(
        descriptions,
        [
            "Actions - Included",
            "Actions - Tier 1",
            "Actions - Tier 2",
            "Actions - Tier 3",
            "Plan Business - minimum"
        ]
    );
}

#[test]
fn six_thousand_of_usage_on_business_has_a_fee_of_600() {
    // 100M actions cost 3,425 and 61M more 1,525; 25,000 GBh above the allotment of 1,860 cost 1,050.
    let storage = row("orders.acme1", UsageKind::ActiveStorage, 26_860 * GBH);
    let rated = rate_rows(&terms("business"), vec![starts(2_500_000 + 161_000_000), storage]).unwrap();
    assert_eq!(rated.usage_spend.to_string(), "6000.00 USD");
    assert_eq!(shown(&rated.lines).last(), pairs(&[("plan-fee.percentage", "600.00")]).last());
}

#[test]
fn storage_allotments_convert_at_744_hours_whatever_the_month() {
    // April has 720 hours: 2.5 GB stored all month are 1,800 GBh, less than the 1,860 GBh of the allotment.
    let included =
        rate_rows(&terms("business"), vec![row("a", UsageKind::ActiveStorage, 1_800 * GBH)]).unwrap();
    assert_eq!(included.usage_spend.nanos, 0);
    let above = rate_rows(
        &terms("business"),
        vec![
            row("a", UsageKind::ActiveStorage, 1_960 * GBH),
            row("a", UsageKind::RetainedStorage, 75_400 * GBH),
        ],
    )
    .unwrap();
    assert_eq!(
        shown(&above.lines)[..4],
        pairs(&[
            ("active-storage.included", "0.00"),
            ("active-storage", "4.20"),
            ("retained-storage.included", "0.00"),
            ("retained-storage", "1.05"),
        ])
    );
    assert_eq!(above.lines[1].pricing_quantity().to_string(), "100");
}

#[test]
fn a_byte_for_a_millisecond_is_not_lost_before_the_line() {
    let rated = rate_rows(&terms("developer"), vec![row("a", UsageKind::ActiveStorage, GBH + 1)]).unwrap();
    assert_eq!(rated.lines[0].quantity, i128::try_from(GBH).unwrap() + 1);
    assert_eq!(rated.lines[0].amount.nanos, 42_000_000, "the extra costs less than half a nano-unit");
}

#[test]
fn the_payable_total_is_rounded_once_as_a_line() {
    let rated = rate_rows(&terms("developer"), vec![starts(20)]).unwrap();
    let totalled = with_corrections_and_rounding(&rated, vec![], month()).unwrap();
    assert_eq!(
        shown(&totalled.lines),
        pairs(&[("actions", "0.001"), ("plan-fee.percentage", "0.0001"), ("rounding", "-0.0011")])
    );
    assert_eq!(totalled.total.to_string(), "0.00 USD");
    assert_eq!(totalled.lines[2].description, "Rounding to 0.01 USD");
    assert_eq!(totalled.lines[2].verify(), Ok(()));
}

#[test]
fn a_rounding_line_is_not_corrected() {
    let rated = rate_rows(&terms("developer"), vec![starts(20)]).unwrap();
    let totalled = with_corrections_and_rounding(&rated, vec![], month()).unwrap();
    assert_ne!(totalled.lines, rated.lines, "it was rounded");
    assert_eq!(corrections(month(), &totalled.lines, &rated.lines).unwrap(), vec![]);
    // What is corrected is the usage alone.
    let again = rate_rows(&terms("developer"), vec![starts(40)]).unwrap();
    let lines = corrections(month(), &totalled.lines, &again.lines).unwrap();
    assert_eq!(shown(&lines), pairs(&[("actions", "0.001"), ("plan-fee.percentage", "0.0001")]));
}

#[test]
fn a_first_month_prorates_fixed_prices_only() {
    let mut terms = terms("business");
    terms.add_ons = vec!["scim".to_owned()];
    terms.starts_on = Some("2026-04-16".parse().unwrap());
    let rated = rate_rows(&terms, vec![starts(2_500_000)]).unwrap();
    assert_eq!(
        shown(&rated.lines),
        pairs(&[("actions.included", "0.00"), ("plan-fee.minimum", "250.00"), ("add-on.scim", "250.00")])
    );
    assert_eq!(rated.usage_spend.nanos, 0, "add-ons are no usage spend");
}

#[test]
fn what_the_card_lacks_is_named() {
    let message = |terms: &AccountTerms| rate_rows(terms, vec![]).unwrap_err().to_string();
    assert_eq!(message(&terms("gold")), r#"rate card "pay-as-you-go" version 1 has no plan "gold""#);
    let mut with_add_on = terms("developer");
    with_add_on.add_ons = vec!["sso".to_owned()];
    assert_eq!(message(&with_add_on), r#"rate card "pay-as-you-go" version 1 has no add-on "sso""#);
    let early: Month = "2024-01".parse().unwrap();
    let catalog = catalog();
    let card = catalog.in_force("pay-as-you-go", month()).unwrap();
    assert!(matches!(
        rate(&terms("developer"), card, early, &MeteredUsage::default()),
        Err(RatingError::WrongCard { .. })
    ));
}

#[test]
fn late_usage_becomes_correction_lines_once() {
    let invoiced = rate_rows(&terms("business"), vec![starts(2_400_000)]).unwrap().lines;
    let again = rate_rows(&terms("business"), vec![starts(2_500_000 + 6_000_000)]).unwrap().lines;
    let lines = corrections(month(), &invoiced, &again).unwrap();
    assert_eq!(
        shown(&lines),
        pairs(&[("actions.included", "0.00"), ("actions.tier-1", "250.00"), ("actions.tier-2", "45.00")])
    );
    assert_eq!(lines[1].description, "Correction of 2026-04: Actions - Tier 1");
    assert_eq!(lines[1].corrects, Some(month()));
    assert_eq!(lines[1].period, month().into());

    let so_far = [invoiced.clone(), lines].concat();
    assert_eq!(
        corrections(month(), &so_far, &again).unwrap(),
        vec![],
        "what was corrected is not corrected again"
    );
    let back = corrections(month(), &so_far, &invoiced).unwrap();
    assert_eq!(back[1].description, "Correction of 2026-04: Actions - Tier 1");
    assert_eq!(back[1].amount.to_decimal_string(), "-250.00");
}

fn any_rows() -> impl Strategy<Value = Vec<UsageRow>> {
    let kind = prop_oneof![
        "[a-c]".prop_map(UsageKind::Action),
        Just(UsageKind::ActiveStorage),
        Just(UsageKind::RetainedStorage),
    ];
    let quantity = prop_oneof![0_u128..10, 0_u128..400_000_000, 0..u128::from(u64::MAX), 0..1_000_000 * GBH];
    let row = ("[a-d]", kind, quantity).prop_map(|(namespace, kind, quantity)| UsageRow {
        namespace,
        kind,
        quantity,
    });
    proptest::collection::vec(row, 0..20)
}

proptest! {
    #![proptest_config(atoll_seed::cases(256))]

    #[test]
    fn lines_sum_to_a_payable_total(rows in any_rows(), plan in prop_oneof![Just("developer"), Just("business")]) {
        let rated = rate_rows(&terms(plan), rows).unwrap();
        let totalled = with_corrections_and_rounding(&rated, vec![], month()).unwrap();
        let currency = totalled.total.currency;
        prop_assert_eq!(Money::sum(currency, totalled.lines.iter().map(|line| line.amount)).unwrap(), totalled.total);
        prop_assert_eq!(totalled.total.nanos % currency.nanos_per_minor_unit(), 0);
        for line in &totalled.lines {
            prop_assert_eq!(line.verify(), Ok(()));
        }
    }

    #[test]
    fn the_order_of_rows_does_not_matter(
        (rows, shuffled) in any_rows().prop_flat_map(|rows| (Just(rows.clone()), Just(rows).prop_shuffle()))
    ) {
        prop_assert_eq!(rate_rows(&terms("business"), rows), rate_rows(&terms("business"), shuffled));
    }

    #[test]
    fn namespaces_carry_all_of_the_usage_spend(rows in any_rows(), plan in prop_oneof![Just("developer"), Just("business")]) {
        let usage = MeteredUsage::from_rows(rows.clone()).unwrap();
        let rated = rate_rows(&terms(plan), rows).unwrap();
        let parts = rated.namespace_costs.iter().map(|cost| cost.amount);
        prop_assert_eq!(Money::sum(rated.usage_spend.currency, parts).unwrap(), rated.usage_spend);
        for meter in Meter::ALL {
            let of_meter = rated.namespace_costs.iter().filter(|cost| cost.meter == meter);
            prop_assert_eq!(of_meter.map(|cost| cost.quantity).sum::<u128>(), usage.total(meter));
            let of_lines: i128 = rated.lines.iter()
                .filter(|line| line.kind == billing_core::line::ChargeKind::Usage(meter))
                .map(|line| line.quantity)
                .sum();
            prop_assert_eq!(of_lines.unsigned_abs(), usage.total(meter), "allotment and tiers cover everything");
        }
    }

    #[test]
    fn corrections_bring_quantities_to_the_second_rating(first in any_rows(), second in any_rows()) {
        let invoiced = rate_rows(&terms("business"), first).unwrap().lines;
        let again = rate_rows(&terms("business"), second).unwrap().lines;
        let lines = corrections(month(), &invoiced, &again).unwrap();
        let so_far = [invoiced, lines].concat();
        prop_assert_eq!(corrections(month(), &so_far, &again).unwrap(), vec![]);
    }
}
