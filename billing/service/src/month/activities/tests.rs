use billing_core::ledger::finalization_entry;
use billing_core::line::ChargeKind;
use billing_core::usage::Meter;

use super::*;
use crate::month::MonthRunner;
use crate::test_support::{World, request};

async fn invoice(world: &World, month: &str) -> InvoiceRecord {
    let id = InvoiceId::new("acme1", month.parse().unwrap()).unwrap();
    world.billing.activities().store.invoice(&id).await.unwrap().unwrap()
}

async fn snapshot(world: &World, month: &str) -> String {
    match world.billing.activities().snapshot_usage(&request(month)).await.unwrap() {
        SnapshotOutcome::Run { run_id } => run_id,
        SnapshotOutcome::AlreadyClosed(outcome) => panic!("closed already: {outcome:?}"),
    }
}

async fn draft(world: &World, month: &str) -> Draft {
    let run_id = snapshot(world, month).await;
    world.billing.activities().write_draft(&DraftRequest { run_id }).await.unwrap()
}

/// Code, amount and corrected month of each line.
fn shown(record: &InvoiceRecord) -> Vec<(&str, String, String)> {
    let corrects = |line: &billing_core::line::InvoiceLine| line.corrects.map(|month| month.to_string());
    let lines = record.content.lines.iter();
    lines
        .map(|line| (line.code.as_str(), line.amount.to_decimal_string(), corrects(line).unwrap_or_default()))
        .collect()
}

fn line<'a>(code: &'a str, amount: &str, corrects: &str) -> (&'a str, String, String) {
    (code, amount.to_owned(), corrects.to_owned())
}

#[tokio::test]
async fn a_restart_after_any_step_gives_the_same_invoice() {
    let world = World::new().await;
    world.usage.add_actions("acme1", "2026-01-10T05:00:00Z", "orders.acme1", 10_000);
    let expected = world.close("2026-01").await.unwrap();

    for steps in 0..=3 {
        let mut world = World::new().await;
        world.usage.add_actions("acme1", "2026-01-10T05:00:00Z", "orders.acme1", 10_000);
        if steps >= 1 {
            let run_id = snapshot(&world, "2026-01").await;
            assert_eq!(snapshot(&world, "2026-01").await, run_id, "the same usage is the same run");
            world = world.restarted().await;
            if steps >= 2 {
                let activities = world.billing.activities();
                let draft = activities.write_draft(&DraftRequest { run_id: run_id.clone() }).await.unwrap();
                assert_eq!(activities.write_draft(&DraftRequest { run_id }).await.unwrap(), draft);
                assert_eq!(invoice(&world, "2026-01").await.status, InvoiceStatus::Draft);
                world = world.restarted().await;
                if steps >= 3 {
                    let activities = world.billing.activities();
                    let outcome = activities.finalize(&draft).await.unwrap();
                    assert_eq!(activities.finalize(&draft).await.unwrap(), outcome);
                    assert_eq!(
                        activities
                            .write_draft(&DraftRequest { run_id: draft.run_id })
                            .await
                            .unwrap()
                            .content_hash,
                        outcome.content_hash
                    );
                    world = world.restarted().await;
                }
            }
        }
        assert_eq!(world.close("2026-01").await.unwrap(), expected, "after {steps} steps");
        let record = invoice(&world, "2026-01").await;
        assert_eq!(record.status, InvoiceStatus::Finalized);
        assert_eq!(shown(&record), [line("actions", "0.50", ""), line("plan-fee.percentage", "0.05", "")]);
    }
}

#[tokio::test]
async fn finalization_books_once() {
    let world = World::new().await;
    world.usage.add_actions("acme1", "2026-01-10T05:00:00Z", "orders.acme1", 20_123);
    world.close("2026-01").await.unwrap();
    world.close("2026-01").await.unwrap();
    let record = invoice(&world, "2026-01").await;
    let entry = finalization_entry(&record.content).unwrap();
    let booked = world.billing.activities().store.entries(&record.content.id).await.unwrap();
    assert_eq!(booked.len(), 1);
    let booked: Vec<_> =
        booked[0].postings.iter().map(|posting| (posting.ledger_account.clone(), posting.amount)).collect();
    let expected: Vec<_> =
        entry.postings().iter().map(|posting| (posting.account.to_string(), posting.amount)).collect();
    assert_eq!(booked, expected);
    assert_eq!(booked.iter().map(|(_, amount)| amount.nanos).sum::<i128>(), 0);
}

#[tokio::test]
async fn the_kept_run_rates_to_the_same_bytes() {
    let world = World::new().await;
    world.usage.add_actions("acme1", "2026-01-10T05:00:00Z", "orders.acme1", 1_234);
    let outcome = world.close("2026-01").await.unwrap();
    world.accounts.set("acme1", "business");
    let world = world.restarted().await;
    let activities = world.billing.activities();
    let record = invoice(&world, "2026-01").await;
    let run = activities.run(record.run_id.as_deref().unwrap()).await.unwrap();
    let again = assemble(&run, &activities.catalog).unwrap();
    assert_eq!(again.hash().to_string(), outcome.content_hash);
    assert_eq!(again, record.content);
}

#[tokio::test]
async fn usage_that_comes_in_while_it_is_read_is_read_again() {
    let world = World::new().await;
    world.usage.add_actions("acme1", "2026-01-10T05:00:00Z", "orders.acme1", 10_000);
    world.usage.add_while_reading("acme1", "2026-01-10T06:00:00Z", "orders.acme1", 10_000);
    world.close("2026-01").await.unwrap();
    assert_eq!(invoice(&world, "2026-01").await.content.total.to_string(), "1.10 USD");
}

#[tokio::test]
async fn what_operators_of_metering_have_given_up_stands_on_the_invoice() {
    let world = World::new().await;
    world.usage.give_up("cell b, hours from 2026-01-05T10:00:00Z", "burnt down");
    world.usage.give_up("cell b, shard 3, log rows 4 to 9", "burnt down");
    world.close("2026-01").await.unwrap();
    let forced = invoice(&world, "2026-01").await.content.forced.unwrap();
    assert_eq!(forced.reason, "burnt down");
    let given_up = ["cell b, hours from 2026-01-05T10:00:00Z", "cell b, shard 3, log rows 4 to 9"];
    assert_eq!(forced.missing, given_up);
    // Beside what the caller forces.
    let world = World::new().await;
    world.usage.give_up("cell b", "burnt down");
    world.usage.set_missing(&[("a", 0, "2026-01-31T23:00:00Z")]);
    let forced = MonthRequest { force_reason: Some("the quarter ends".to_owned()), ..request("2026-01") };
    world.runner().run(forced).await.unwrap();
    let forced = invoice(&world, "2026-01").await.content.forced.unwrap();
    assert_eq!(forced.reason, "the quarter ends; burnt down");
    assert_eq!(forced.missing, ["cell a, shard 0, hour 2026-01-31T23:00:00Z", "cell b"]);
}

/// One of them reads from a standby, or from a primary that has just taken over.
#[tokio::test]
async fn what_two_processes_of_metering_say_is_not_mixed() {
    let world = World::new().await;
    world.usage.add_actions("acme1", "2026-01-10T05:00:00Z", "orders.acme1", 10_000);
    world.usage.answer_from_behind("2026-01-01T00:00:00Z");
    world.close("2026-01").await.unwrap();
    assert_eq!(invoice(&world, "2026-01").await.content.total.to_string(), "0.55 USD");
    // Nor where the month that is corrected is read.
    world.clock.set("2026-03-03T00:00:00Z".parse().unwrap());
    world.usage.add_actions("acme1", "2026-01-11T05:00:00Z", "orders.acme1", 10_000);
    world.usage.answer_from_behind("2026-01-01T00:00:00Z");
    world.close("2026-02").await.unwrap();
    assert_eq!(invoice(&world, "2026-02").await.content.total.to_string(), "0.55 USD");
    assert!(world.usage.all_have_answered());
}

/// What makes the month complete is usage, too: it may come in between reading the one and the other.
#[tokio::test]
async fn a_month_that_becomes_complete_while_it_is_read_is_closed_with_what_completed_it() {
    let world = World::new().await;
    world.usage.add_actions("acme1", "2026-01-10T05:00:00Z", "orders.acme1", 10_000);
    world.usage.set_missing(&[("a", 0, "2026-01-31T23:00:00Z")]);
    world.usage.complete_after(2, "acme1", "2026-01-31T23:00:00Z", 10_000);
    for _ in 0..2 {
        let refused = world.billing.activities().snapshot_usage(&request("2026-01")).await;
        assert!(matches!(refused, Err(MonthError::Incomplete { .. })), "{refused:?}");
    }
    world.close("2026-01").await.unwrap();
    assert_eq!(invoice(&world, "2026-01").await.content.total.to_string(), "1.10 USD");
}

/// A failover of metering's database may take back what an hour was complete by.
#[tokio::test]
async fn a_month_that_is_incomplete_again_while_it_is_read_is_not_closed() {
    for looks in 0..3 {
        let world = World::new().await;
        world.usage.add_actions("acme1", "2026-01-10T05:00:00Z", "orders.acme1", 10_000);
        world.usage.lose_after(looks, "2026-01-31T23:00:00Z");
        let refused = world.billing.activities().snapshot_usage(&request("2026-01")).await;
        assert!(matches!(refused, Err(MonthError::Incomplete { .. })), "{looks} looks: {refused:?}");
    }
}

#[tokio::test]
async fn usage_of_an_earlier_month_that_comes_in_while_it_is_read_is_read_again() {
    let world = World::new().await;
    world.usage.add_actions("acme1", "2026-01-10T05:00:00Z", "orders.acme1", 10_000);
    world.close("2026-01").await.unwrap();
    world.clock.set("2026-03-01T00:00:00Z".parse().unwrap());
    world.usage.add_while_reading("acme1", "2026-01-31T23:00:00Z", "orders.acme1", 2_000);
    world.close("2026-02").await.unwrap();
    let february = invoice(&world, "2026-02").await;
    assert!(shown(&february).contains(&line("actions", "0.10", "2026-01")), "{:?}", shown(&february));
}

#[tokio::test]
async fn a_replaced_draft_is_not_issued() {
    let world = World::new().await;
    world.usage.add_actions("acme1", "2026-01-10T05:00:00Z", "orders.acme1", 10_000);
    let first = draft(&world, "2026-01").await;
    world.usage.add_actions("acme1", "2026-01-11T05:00:00Z", "orders.acme1", 10_000);
    let second = draft(&world, "2026-01").await;
    let activities = world.billing.activities();
    let refused = activities.finalize(&first).await;
    assert_eq!(refused, Err(MonthError::Superseded { invoice_id: "inv-acme1-2026-01".to_owned() }));
    assert_eq!(invoice(&world, "2026-01").await.status, InvoiceStatus::Draft, "and nothing changed");
    assert_eq!(activities.finalize(&second).await.unwrap().content_hash, second.content_hash);
    assert_eq!(activities.finalize(&first).await.unwrap().content_hash, second.content_hash);
}

#[tokio::test]
async fn a_draft_whose_lines_were_changed_behind_its_hash_is_not_issued() {
    let world = World::new().await;
    world.usage.add_actions("acme1", "2026-01-10T05:00:00Z", "orders.acme1", 10_000);
    let written = draft(&world, "2026-01").await;
    // Whoever can write to the file can write over its triggers.
    let tamper = "DROP TRIGGER finalized_lines_never_change; \
         UPDATE invoice_lines SET description = 'a gift' WHERE position = 0";
    assert_eq!(world.database.execute(tamper).await, Ok(1));
    let refused = world.billing.activities().finalize(&written).await;
    assert_eq!(refused, Err(MonthError::Superseded { invoice_id: "inv-acme1-2026-01".to_owned() }));
    assert_eq!(invoice(&world, "2026-01").await.status, InvoiceStatus::Draft);
    let booked = world.billing.activities().store.entries(&written.invoice_id).await.unwrap();
    assert!(booked.is_empty(), "nothing is booked");
    // A draft that is made anew is what it says.
    world.close("2026-01").await.unwrap();
    let lines = invoice(&world, "2026-01").await.content.lines;
    assert_eq!(lines[0].description, "Actions");
}

#[tokio::test]
async fn many_closers_at_once_issue_one_invoice_and_book_it_once() {
    let world = World::new().await;
    world.usage.add_actions("acme1", "2026-01-10T05:00:00Z", "orders.acme1", 10_000);
    // Each read finds something else, so that the closers' drafts differ and replace each other.
    for _ in 0..8 {
        world.usage.add_while_reading("acme1", "2026-01-11T05:00:00Z", "orders.acme1", 10_000);
    }
    let closers: Vec<_> = (0..8)
        .map(|_| {
            let runner = world.runner();
            tokio::spawn(async move { runner.run(request("2026-01")).await })
        })
        .collect();
    let mut issued = Vec::new();
    for closer in closers {
        match closer.await.unwrap() {
            Ok(outcome) => issued.push(outcome),
            Err(MonthError::Superseded { .. } | MonthError::Unavailable { .. }) => {}
            Err(other) => panic!("{other}"),
        }
    }
    let outcome = world.close("2026-01").await.unwrap();
    assert!(!issued.is_empty(), "who replaced the others' drafts last issued their own");
    assert!(issued.iter().all(|other| *other == outcome), "{issued:?}");
    let record = invoice(&world, "2026-01").await;
    let booked = world.billing.activities().store.entries(&record.content.id).await.unwrap();
    assert_eq!(booked.len(), 1);
    assert_eq!(booked[0].postings.len(), finalization_entry(&record.content).unwrap().postings().len());
}

#[tokio::test]
async fn an_account_whose_usage_fits_no_invoice_is_refused_alone() {
    let world = World::new().await;
    world.accounts.set("other", "developer");
    world.usage.add_actions("acme1", "2026-01-10T05:00:00Z", "orders.acme1", i128::MAX.unsigned_abs());
    world.usage.add_actions("other", "2026-01-10T05:00:00Z", "orders.other", 10_000);
    let refused = world.close("2026-01").await.unwrap_err();
    assert!(matches!(refused, MonthError::Unratable { .. }), "{refused}");
    assert_eq!(refused.to_string(), "cannot be rated: amount does not fit in 128-bit nano-units");
    let other = MonthRequest { account_id: "other".to_owned(), ..request("2026-01") };
    world.runner().run(other).await.unwrap();
    // A count as large as a single entry can state has its price.
    let world = World::new().await;
    world.usage.add_actions("acme1", "2026-01-10T05:00:00Z", "orders.acme1", u128::from(u64::MAX));
    world.close("2026-01").await.unwrap();
    let lines = invoice(&world, "2026-01").await.content.lines;
    let actions = lines.iter().filter(|line| line.kind == ChargeKind::Usage(Meter::Actions));
    assert_eq!(actions.map(|line| line.quantity).sum::<i128>(), i128::from(u64::MAX));
}

#[tokio::test]
async fn later_usage_is_corrected_on_the_next_invoice_once() {
    let world = World::new().await;
    world.usage.add_actions("acme1", "2026-01-10T05:00:00Z", "orders.acme1", 10_000);
    world.close("2026-01").await.unwrap();
    let january = invoice(&world, "2026-01").await;

    world.usage.add_actions("acme1", "2026-01-31T23:00:00Z", "orders.acme1", 2_000);
    world.usage.add_actions("acme1", "2026-02-01T00:00:00Z", "orders.acme1", 30_000);
    world.accounts.set("acme1", "business");
    world.clock.set("2026-04-01T00:00:00Z".parse().unwrap());
    world.close("2026-02").await.unwrap();
    let february = invoice(&world, "2026-02").await;
    assert_eq!(
        shown(&february),
        [
            line("actions.included", "0.00", ""),
            line("plan-fee.minimum", "500.00", ""),
            line("actions", "0.10", "2026-01"),
            line("plan-fee.percentage", "0.01", "2026-01"),
        ],
        "January is corrected under the terms that it was invoiced with"
    );
    assert_eq!(february.content.total.to_string(), "500.11 USD");
    assert_eq!(invoice(&world, "2026-01").await, january, "an issued invoice never changes");

    world.close("2026-03").await.unwrap();
    assert_eq!(shown(&invoice(&world, "2026-03").await), [line("plan-fee.minimum", "500.00", "")]);
}

#[tokio::test]
async fn a_rounded_month_without_later_usage_is_not_corrected() {
    let world = World::new().await;
    world.usage.add_actions("acme1", "2026-01-10T05:00:00Z", "orders.acme1", 20_123);
    world.close("2026-01").await.unwrap();
    let january = invoice(&world, "2026-01").await.content.lines;
    assert!(january.iter().any(|line| line.kind == ChargeKind::Rounding), "{january:?}");
    world.clock.set("2026-03-01T00:00:00Z".parse().unwrap());
    world.close("2026-02").await.unwrap();
    let february = invoice(&world, "2026-02").await;
    assert_eq!(shown(&february), [line("plan-fee.percentage", "0.00", "")]);
}

#[tokio::test]
async fn two_months_do_not_correct_the_same_usage() {
    let world = World::new().await;
    world.close("2026-01").await.unwrap();
    world.usage.add_actions("acme1", "2026-01-31T23:00:00Z", "orders.acme1", 10_000);
    world.clock.set("2026-04-01T00:00:00Z".parse().unwrap());
    let (february, march) = (draft(&world, "2026-02").await, draft(&world, "2026-03").await);
    let activities = world.billing.activities();
    activities.finalize(&february).await.unwrap();
    let refused = activities.finalize(&march).await;
    assert_eq!(refused, Err(MonthError::Superseded { invoice_id: "inv-acme1-2026-03".to_owned() }));
    world.close("2026-03").await.unwrap();
    assert_eq!(shown(&invoice(&world, "2026-02").await).len(), 3);
    assert_eq!(shown(&invoice(&world, "2026-03").await), [line("plan-fee.percentage", "0.00", "")]);
}

#[tokio::test]
async fn older_months_than_configured_are_left_alone() {
    let world = World::new().await;
    world.close("2026-01").await.unwrap();
    world.usage.add_actions("acme1", "2026-01-31T23:00:00Z", "orders.acme1", 10_000);
    world.clock.set("2026-06-01T00:00:00Z".parse().unwrap());
    world.close("2026-05").await.unwrap();
    assert_eq!(shown(&invoice(&world, "2026-05").await), [line("plan-fee.percentage", "0.00", "")]);
    world.close("2026-04").await.unwrap();
    assert_eq!(shown(&invoice(&world, "2026-04").await)[1], line("actions", "0.50", "2026-01"));
}

#[tokio::test]
async fn what_is_away_is_tried_again_and_a_missing_run_is_not() {
    let world = World::new().await;
    world.usage.set_failing(true);
    let error = world.close("2026-01").await.unwrap_err();
    assert!(error.is_retryable(), "{error}");
    world.usage.set_failing(false);
    let activities = world.billing.activities();
    let error = activities.write_draft(&DraftRequest { run_id: "run-x".to_owned() }).await.unwrap_err();
    assert_eq!(error.to_string(), "there is no rating run run-x");
    assert!(!error.is_retryable());
}
