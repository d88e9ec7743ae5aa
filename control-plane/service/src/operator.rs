//! What operators of the cloud do, one file per RPC. Every method needs an operator's key.

mod create_account;
mod create_account_key;
mod drain_cell;
mod get_account;
mod list_accounts;
mod list_audit_records;
mod list_cells;
mod message;
mod overwrite_cell;
mod undrain_cell;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;
use atoll_api::call::{CallContext, Status};
use atoll_internal_api::operator::v1 as operator;
use atoll_rpc::Clock;
use tokio::sync::Notify;

use crate::entropy::Entropy;
use crate::error::ApiError;
use crate::model::AuditEntry;
use crate::store::{Store, Transaction};

/// How long an administrator's first key lives.
const KEY_LIFETIME_MS: i64 = 2 * 365 * 24 * 60 * 60 * 1_000;

/// The operator API over a database.
pub(crate) struct OperatorApi {
    pub(crate) store: Store,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    /// Wakes the reconciler: a new key is to be pushed.
    pub(crate) reconcile: Arc<Notify>,
}

impl OperatorApi {
    /// Records what an operator did.
    async fn audit(
        &self,
        transaction: &mut dyn Transaction,
        account_id: &str,
        action: &str,
        resource: String,
    ) -> Result<(), ApiError> {
        let entry = AuditEntry {
            time_ms: self.clock.unix_millis(),
            account_id: account_id.to_owned(),
            actor: "operator".to_owned(),
            key_id: String::new(),
            action: action.to_owned(),
            resource,
            operation_id: String::new(),
        };
        Ok(transaction.insert_audit_record(&entry).await?)
    }
}

/// Gives each RPC to its file.
macro_rules! methods {
    ($($name:ident: $request:ident -> $response:ident;)*) => {
        #[async_trait]
        impl operator::OperatorService for OperatorApi {
            $(
                async fn $name(
                    &self,
                    _ctx: &CallContext,
                    request: operator::$request,
                ) -> Result<operator::$response, Status> {
                    Ok($name::run(self, request).await?)
                }
            )*
        }
    };
}

methods! {
    create_account: CreateAccountRequest -> CreateAccountResponse;
    create_account_key: CreateAccountKeyRequest -> CreateAccountKeyResponse;
    get_account: GetAccountRequest -> GetAccountResponse;
    list_accounts: ListAccountsRequest -> ListAccountsResponse;
    list_cells: ListCellsRequest -> ListCellsResponse;
    drain_cell: DrainCellRequest -> DrainCellResponse;
    undrain_cell: UndrainCellRequest -> UndrainCellResponse;
    overwrite_cell: OverwriteCellRequest -> OverwriteCellResponse;
    list_audit_records: ListAuditRecordsRequest -> ListAuditRecordsResponse;
}
