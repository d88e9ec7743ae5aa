use atoll_internal_api::operator::v1::{UndrainCellRequest, UndrainCellResponse};

use super::OperatorApi;
use super::drain_cell::set_draining;
use crate::error::ApiError;

/// Places namespaces in a cell again.
pub(super) async fn run(
    api: &OperatorApi,
    request: UndrainCellRequest,
) -> Result<UndrainCellResponse, ApiError> {
    let cell = set_draining(api, &request.cell_id, false, "UndrainCell").await?;
    Ok(UndrainCellResponse { cell: Some(cell) })
}
