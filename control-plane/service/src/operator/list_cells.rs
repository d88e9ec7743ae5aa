use atoll_internal_api::operator::v1::{ListCellsRequest, ListCellsResponse};

use super::{OperatorApi, message};
use crate::error::ApiError;

/// Lists cells by id, as last seen.
pub(super) async fn run(
    api: &OperatorApi,
    _request: ListCellsRequest,
) -> Result<ListCellsResponse, ApiError> {
    let mut snapshot = api.store.snapshot().await?;
    let cells = snapshot.cells().await?;
    Ok(ListCellsResponse { cells: cells.iter().map(message::cell).collect() })
}
