use atoll_internal_api::operator::v1::{Cell, DrainCellRequest, DrainCellResponse};
use futures::FutureExt;

use super::{OperatorApi, message};
use crate::error::ApiError;
use crate::names::check_id;
use crate::store::Lock;

/// Stops placing namespaces in a cell; moves nothing.
pub(super) async fn run(api: &OperatorApi, request: DrainCellRequest) -> Result<DrainCellResponse, ApiError> {
    let cell = set_draining(api, &request.cell_id, true, "DrainCell").await?;
    Ok(DrainCellResponse { cell: Some(cell) })
}

/// Decides whether a cell takes namespaces.
pub(super) async fn set_draining(
    api: &OperatorApi,
    cell_id: &str,
    draining: bool,
    action: &str,
) -> Result<Cell, ApiError> {
    check_id("cell_id", cell_id)?;
    let missing = || ApiError::NotFound(format!("cell {cell_id:?} does not exist"));
    let cell = api.store.write(Lock::Cells, |transaction| {
        async move {
            transaction.cell(cell_id).await?.ok_or_else(missing)?;
            transaction.set_draining(cell_id, draining).await?;
            api.audit(transaction, "", action, format!("cell/{cell_id}")).await?;
            transaction.cell(cell_id).await?.ok_or_else(missing)
        }
        .boxed()
    });
    Ok(message::cell(&cell.await?))
}
