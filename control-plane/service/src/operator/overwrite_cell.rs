use atoll_internal_api::operator::v1::{OverwriteCellRequest, OverwriteCellResponse};
use futures::FutureExt;

use super::{OperatorApi, message};
use crate::error::ApiError;
use crate::model::Cell;
use crate::names::{check_display, check_id};
use crate::store::{Counter, Lock, Transaction};

/// Decides that what this control plane holds replaces what a cell is ahead with. The reconciler, which is woken,
/// pushes it.
pub(super) async fn run(
    api: &OperatorApi,
    request: OverwriteCellRequest,
) -> Result<OverwriteCellResponse, ApiError> {
    check_id("cell_id", &request.cell_id)?;
    check_display("reason", &request.reason)?;
    if request.reason.trim().is_empty() {
        return Err(ApiError::InvalidArgument("reason is required".to_owned()));
    }
    let cell = api.store.write(Lock::Cells, |transaction| decide(api, transaction, &request).boxed()).await?;
    tracing::warn!(cell = request.cell_id, reason = request.reason, "newer state of a cell is overwritten");
    api.reconcile.notify_one();
    Ok(OverwriteCellResponse { cell: Some(message::cell(&cell)) })
}

async fn decide(
    api: &OperatorApi,
    transaction: &mut dyn Transaction,
    request: &OverwriteCellRequest,
) -> Result<Cell, ApiError> {
    let missing = || ApiError::NotFound(format!("cell {:?} does not exist", request.cell_id));
    transaction.cell(&request.cell_id).await?.ok_or_else(missing)?;
    if transaction.leave_recovering(&request.cell_id).await? == 0 {
        return Err(ApiError::FailedPrecondition(format!(
            "cell {} holds nothing that this control plane did not give out",
            request.cell_id
        )));
    }
    let resource = format!("cell/{}: {}", request.cell_id, request.reason);
    api.audit(transaction, "", "OverwriteCell", resource).await?;
    transaction.raise(Counter::Wanted, 0).await?;
    transaction.cell(&request.cell_id).await?.ok_or_else(missing)
}
