//! What a push leaves behind in its cell when the control plane dies before the answer, on a cell that is no fake.

use std::sync::Arc;

use atoll_rpc::ManualClock;
use cell_store::fault::{Call, Fault, Gate};

use crate::model::OperationState;
use crate::test_support::real_cell::RealCell;
use crate::test_support::{Engine, TestCloud};

#[tokio::test]
async fn a_creation_is_fulfilled_only_when_its_cell_takes_the_keys_that_an_earlier_push_left_there_half_done()
{
    let clock = ManualClock::new("2026-03-15T10:00:00Z".parse().unwrap());
    let cell = RealCell::start(clock.clone()).await;
    let cloud = Arc::new(TestCloud::of(Engine::Sqlite, "a", cell.client(), clock).await);
    let account = cloud.account("acme").await;

    // The cell has written the keys when the caller goes away, and verifies by them only when the store has answered.
    let gate = Gate::new();
    cell.store.script(Call::Put, Fault::HoldAfter(gate.clone()));
    let pushing = tokio::spawn({
        let cloud = Arc::clone(&cloud);
        async move {
            let target = cloud.activities.store.snapshot().await.unwrap().cell("a").await;
            cloud.activities.push_keys_to(&target.unwrap().unwrap()).await
        }
    });
    gate.arrived().await;
    pushing.abort();
    assert!(pushing.await.unwrap_err().is_cancelled());
    assert!(!cell.takes(&account.token).await);

    let made = cloud.create(&account.token, "orders").await.unwrap();
    cloud.carry_out().await;
    let id = made.async_operation.unwrap().id;
    let operation = {
        let mut snapshot = cloud.activities.store.snapshot().await.unwrap();
        snapshot.operation_by_id(&account.id, &id).await.unwrap().unwrap()
    };
    assert_eq!(operation.state, OperationState::Fulfilled);
    assert!(cell.takes(&account.token).await, "the first call of the account's first key is refused");
    cell.stop().await;
}
