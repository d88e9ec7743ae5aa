//! Ids that the store does not take.

use crate::fixture::*;
use cell_engine::Rejection;
use cell_shard::ShardError;

#[tokio::test(start_paused = true)]
async fn nothing_is_written_by_an_id_that_the_store_does_not_take() {
    let cell = Cell::new().await;
    cell.ledger.limit_ids(10);
    let before = cell.ledger.calls().len();
    let refused = cell.run("0123456789a", start()).await.unwrap_err();
    assert!(matches!(refused, ShardError::Rejected(Rejection::InvalidArgument(_))), "{refused}");
    assert_eq!(cell.ledger.calls().len(), before);
    cell.run("0123456789", start()).await.unwrap();
    assert!(cell.ledger.calls().len() > before);
}
