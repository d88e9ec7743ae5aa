use atoll_internal_api::operator::v1::{ListCellsRequest, ListCellsResponse};

use super::{OperatorApi, message};
use crate::error::ApiError;
use crate::store::cells;

/// Lists cells by id, as last seen.
pub(super) async fn run(
    api: &OperatorApi,
    _request: ListCellsRequest,
) -> Result<ListCellsResponse, ApiError> {
    let mut connection = api.store.read().await?;
    let cells = cells::list(&mut connection).await?;
    Ok(ListCellsResponse { cells: cells.iter().map(message::cell).collect() })
}
