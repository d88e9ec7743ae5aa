//! How the control plane reaches cells.

mod grpc;
mod spec;

use async_trait::async_trait;
use atoll_internal_api::cell::v1::{GetStatusResponse, KeyRecord, NamespaceSpec};
use uuid::Uuid;

use crate::model::Cell;

pub(crate) use grpc::GrpcCellClient;
pub(crate) use spec::{cell_grant, key_record, namespace_spec};

/// Calls to cells' admin listeners. Every call is idempotent, and an older generation than the cell holds changes
/// nothing and succeeds: whoever repeats or reorders calls does no harm.
#[async_trait]
pub trait CellClient: Send + Sync + 'static {
    /// Brings a namespace to a generation. Gives the one that the cell now holds.
    async fn apply_namespace(&self, cell: &Cell, spec: NamespaceSpec) -> Result<u64, CellError>;
    /// Removes a namespace and what it holds. One that is not there is removed already.
    async fn remove_namespace(&self, cell: &Cell, id: Uuid, generation: u64) -> Result<(), CellError>;
    /// Replaces the cell's whole key set. Gives the generation that the cell now holds.
    async fn apply_key_set(
        &self,
        cell: &Cell,
        generation: u64,
        keys: Vec<KeyRecord>,
    ) -> Result<u64, CellError>;
    /// What the cell holds and how it is.
    async fn status(&self, cell: &Cell) -> Result<GetStatusResponse, CellError>;
}

/// Why a call to a cell failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CellError {
    /// It does not answer, or not now. Whether the call was carried out is unknown.
    #[error("cell {cell} is not available: {problem}")]
    Unavailable {
        /// The cell.
        cell: String,
        /// Why.
        problem: String,
    },
    /// It answers, and refuses: repeating the call changes nothing.
    #[error("cell {cell} refused: {problem}")]
    Refused {
        /// The cell.
        cell: String,
        /// Why.
        problem: String,
    },
}

impl CellError {
    /// Whether the same call may succeed later.
    pub const fn is_retryable(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }
}
