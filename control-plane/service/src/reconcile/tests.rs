use super::{CellOutcome, Repair};
use crate::model::Health;
use crate::test_support::fake_cells::Trouble;
use crate::test_support::{Engine, TestCloud, on_each_engine};

on_each_engine! {
    a_cell_that_holds_what_it_should_is_left_alone,
    a_cell_that_lost_everything_is_whole_after_one_round,
    a_namespace_from_elsewhere_is_named_and_left_alone,
    one_missed_answer_is_forgiven_and_three_are_not,
    a_repair_that_fails_is_tried_in_the_next_round,
    a_deleted_namespace_is_taken_from_a_cell_that_holds_it_again,
}

async fn health(test: &TestCloud, cell: &str) -> Health {
    let mut snapshot = test.activities.store.snapshot().await.unwrap();
    snapshot.cell(cell).await.unwrap().unwrap().health
}

async fn two_namespaces(test: &TestCloud) {
    let account = test.account("acme").await;
    for name in ["one", "two"] {
        test.create(&account.token, name).await.unwrap();
    }
    test.carry_out().await;
}

async fn a_cell_that_holds_what_it_should_is_left_alone(engine: Engine) {
    let test = TestCloud::on(engine, &["a", "b"]).await;
    two_namespaces(&test).await;
    test.reconciler.run_once().await.unwrap();
    let writes = test.cells.get("a").writes + test.cells.get("b").writes;
    let round = test.reconciler.run_once().await.unwrap();
    assert_eq!(round.cells.len(), 2);
    for report in round.cells {
        let nothing =
            CellOutcome::Seen { repaired: vec![], failed: vec![], unknown: vec![], recovering: vec![] };
        assert_eq!(report.outcome, nothing, "{}", report.cell_id);
    }
    assert_eq!(test.cells.get("a").writes + test.cells.get("b").writes, writes);
}

async fn a_cell_that_lost_everything_is_whole_after_one_round(engine: Engine) {
    let test = TestCloud::on(engine, &["a"]).await;
    two_namespaces(&test).await;
    let (held, keys) = (test.cells.held("a"), test.cells.get("a").keys);
    assert_eq!(held.len(), 2);
    test.cells.change("a", |cell| *cell = Default::default());
    let round = test.reconciler.run_once().await.unwrap();
    assert!(
        matches!(&round.cells[0].outcome, CellOutcome::Seen { repaired, .. } if repaired.len() == 3),
        "{round:?}"
    );
    assert_eq!(test.cells.held("a"), held);
    assert_eq!(test.cells.get("a").keys, keys);
}

async fn a_namespace_from_elsewhere_is_named_and_left_alone(engine: Engine) {
    let test = TestCloud::on(engine, &["a"]).await;
    let spec = crate::cells::namespace_spec(&crate::test_support::namespace("default", 7));
    test.cells.change("a", |cell| {
        cell.namespaces.insert(uuid::Uuid::from_u128(7), spec);
    });
    let round = test.reconciler.run_once().await.unwrap();
    assert!(matches!(&round.cells[0].outcome, CellOutcome::Seen { unknown, .. } if unknown == &["default"]));
    assert_eq!(test.cells.held("a"), ["default"]);
}

async fn one_missed_answer_is_forgiven_and_three_are_not(engine: Engine) {
    let test = TestCloud::on(engine, &["a", "b"]).await;
    test.cells.trouble("b", Trouble::Down);
    for expected in [Health::Healthy, Health::Healthy, Health::Dead] {
        test.reconciler.run_once().await.unwrap();
        assert_eq!(health(&test, "b").await, expected);
        assert_eq!(health(&test, "a").await, Health::Healthy);
    }
    test.cells.trouble("b", Trouble::None);
    test.reconciler.run_once().await.unwrap();
    assert_eq!(health(&test, "b").await, Health::Healthy);
    // The count starts anew.
    test.cells.trouble("b", Trouble::Down);
    test.reconciler.run_once().await.unwrap();
    assert_eq!(health(&test, "b").await, Health::Healthy);
    // What says itself that it is not healthy is believed at once.
    test.cells.trouble("b", Trouble::Unhealthy);
    test.reconciler.run_once().await.unwrap();
    assert_eq!(health(&test, "b").await, Health::Dead);
}

async fn a_repair_that_fails_is_tried_in_the_next_round(engine: Engine) {
    let test = TestCloud::on(engine, &["a"]).await;
    two_namespaces(&test).await;
    test.cells.change("a", |cell| {
        *cell = Default::default();
        cell.trouble = Trouble::Refuses;
    });
    let round = test.reconciler.run_once().await.unwrap();
    assert!(
        matches!(&round.cells[0].outcome, CellOutcome::Seen { failed, .. } if failed.len() == 3),
        "{round:?}"
    );
    test.cells.trouble("a", Trouble::None);
    test.reconciler.run_once().await.unwrap();
    assert_eq!(test.cells.held("a").len(), 2);
}

async fn a_deleted_namespace_is_taken_from_a_cell_that_holds_it_again(engine: Engine) {
    let test = TestCloud::on(engine, &["a"]).await;
    let account = test.account("acme").await;
    test.create(&account.token, "orders").await.unwrap();
    test.carry_out().await;
    let before = test.cells.get("a").namespaces;
    test.delete(&account, "orders").await;
    test.carry_out().await;
    assert_eq!(test.cells.held("a").len(), 0);
    // It came back from a backup.
    test.cells.change("a", |cell| (cell.namespaces, cell.removed) = (before, Default::default()));
    let round = test.reconciler.run_once().await.unwrap();
    assert!(
        matches!(&round.cells[0].outcome, CellOutcome::Seen { repaired, unknown, .. }
            if matches!(repaired[..], [Repair::RemoveNamespace { .. }]) && unknown.is_empty()),
        "{round:?}"
    );
    assert_eq!(test.cells.held("a").len(), 0);
}
