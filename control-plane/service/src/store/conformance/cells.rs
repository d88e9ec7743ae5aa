//! Cells, regions, and what waits for an operator.

use uuid::Uuid;

use super::*;
use crate::model::{Health, NamespaceState, Pushed, Recovering};
use crate::store::{Region, Sighting};
use crate::test_support::namespace;

on_each_engine! {
    configuring_again_keeps_what_was_decided_and_seen,
    cells_come_by_id_with_how_many_namespaces_they_have,
    a_missed_answer_keeps_when_it_was_last_seen,
    regions_come_by_id_as_they_were_last_configured,
    what_waits_for_an_operator_is_of_a_subject_and_ends_for_a_cell,
}

async fn configuring_again_keeps_what_was_decided_and_seen(engine: Engine) {
    let world = World::new(engine).await;
    let problems = ["disk \"full\"".to_owned(), "a\0b".to_owned()];
    let sighting =
        Sighting { cell_id: "a", health: Health::Dead, problems: &problems, failures: 3, seen_ms: Some(9) };
    let mut transaction = world.store.begin(Lock::Cells).await.unwrap();
    transaction.set_draining("a", true).await.unwrap();
    transaction.see_cell(&sighting).await.unwrap();
    let moved = CellConfig { frontend: "elsewhere:1".to_owned(), capacity: 8, ..cell("a") };
    transaction.configure_cell(&moved).await.unwrap();
    transaction.commit().await.unwrap();
    let read = world.store.snapshot().await.unwrap().cell("a").await.unwrap().unwrap();
    assert_eq!((read.frontend.as_str(), read.capacity, read.token.expose()), ("elsewhere:1", 8, "t"));
    assert_eq!((read.draining, read.health, read.failures), (true, Health::Dead, 3));
    assert_eq!((read.problems, read.last_seen_ms), (problems.to_vec(), Some(9)));
}

async fn cells_come_by_id_with_how_many_namespaces_they_have(engine: Engine) {
    let world = World::new(engine).await;
    let mut transaction = world.store.begin(Lock::Placement("acct1")).await.unwrap();
    for (number, cell, state) in [
        (1, "b", NamespaceState::Active),
        (2, "b", NamespaceState::Deleted),
        (3, "b", NamespaceState::ActivationFailed),
    ] {
        let mut placed = namespace(&format!("n{number}.acct1"), number);
        placed.state = state;
        transaction.insert_namespace(&placed).await.unwrap();
        transaction.set_namespace_cell(placed.uuid, cell).await.unwrap();
    }
    transaction.commit().await.unwrap();
    let mut snapshot = world.store.snapshot().await.unwrap();
    let cells = snapshot.cells().await.unwrap();
    let seen: Vec<_> = cells.iter().map(|cell| (cell.id.as_str(), cell.namespaces)).collect();
    assert_eq!(seen, [("a", 0), ("b", 2)]);
    assert_eq!(snapshot.cell("b").await.unwrap().as_ref(), cells.last());
    assert_eq!(snapshot.cell("c").await.unwrap(), None);
    let of_cell = snapshot.namespaces_of_cell("b").await.unwrap();
    let names: Vec<_> = of_cell.iter().map(|namespace| namespace.cloud_id.as_str()).collect();
    assert_eq!(names, ["n1.acct1", "n3.acct1"], "those that are not deleted");
}

async fn a_missed_answer_keeps_when_it_was_last_seen(engine: Engine) {
    let world = World::new(engine).await;
    for (seen_ms, expected) in [(None, None), (Some(9), Some(9)), (None, Some(9)), (Some(12), Some(12))] {
        let mut transaction = world.store.begin(Lock::Cell("a")).await.unwrap();
        let sighting =
            Sighting { cell_id: "a", health: Health::Healthy, problems: &[], failures: 0, seen_ms };
        transaction.see_cell(&sighting).await.unwrap();
        transaction.commit().await.unwrap();
        let read = world.store.snapshot().await.unwrap().cell("a").await.unwrap().unwrap();
        assert_eq!(read.last_seen_ms, expected);
    }
}

async fn regions_come_by_id_as_they_were_last_configured(engine: Engine) {
    let world = World::new(engine).await;
    let mut transaction = world.store.begin(Lock::Cells).await.unwrap();
    transaction.configure_region("eu", "Frankfurt").await.unwrap();
    transaction.configure_region("local", "there").await.unwrap();
    transaction.commit().await.unwrap();
    let regions = world.store.snapshot().await.unwrap().regions().await.unwrap();
    let region = |id: &str, location: &str| Region { id: id.to_owned(), location: location.to_owned() };
    assert_eq!(regions, [region("eu", "Frankfurt"), region("local", "there")]);
}

async fn what_waits_for_an_operator_is_of_a_subject_and_ends_for_a_cell(engine: Engine) {
    let world = World::new(engine).await;
    let ahead = |subject, cell: &str, held| Recovering { subject, cell_id: cell.to_owned(), held };
    let namespace = Pushed::Namespace(Uuid::from_u128(7));
    let mut transaction = world.store.begin(Lock::Cells).await.unwrap();
    for noted in [ahead(Pushed::KeySet, "a", 40), ahead(namespace, "b", 30), ahead(Pushed::KeySet, "b", 41)] {
        transaction.enter_recovering(&noted, 5).await.unwrap();
    }
    transaction.enter_recovering(&ahead(Pushed::Namespace(Uuid::nil()), "a", 1), 5).await.unwrap();
    transaction.commit().await.unwrap();
    let mut snapshot = world.store.snapshot().await.unwrap();
    let newest = ahead(Pushed::KeySet, "b", 41);
    assert_eq!(snapshot.recovering(Pushed::KeySet).await.unwrap(), Some(newest.clone()));
    let of_a = ahead(Pushed::Namespace(Uuid::nil()), "a", 1);
    assert_eq!(snapshot.all_recovering().await.unwrap(), [of_a.clone(), ahead(namespace, "b", 30), newest]);
    drop(snapshot);
    let mut transaction = world.store.begin(Lock::Cells).await.unwrap();
    assert_eq!(transaction.leave_recovering("b").await.unwrap(), 2);
    assert_eq!(transaction.leave_recovering("b").await.unwrap(), 0);
    assert_eq!(transaction.all_recovering().await.unwrap(), [of_a]);
}
