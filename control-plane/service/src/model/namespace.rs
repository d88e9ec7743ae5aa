use std::collections::BTreeMap;

use atoll_api::temporal::api::cloud::namespace::v1::NamespaceSpec;
use uuid::Uuid;

use super::stored_names;

/// A namespace as it should be.
#[derive(Debug, Clone, PartialEq)]
pub struct Namespace {
    /// New for every namespace, also for one created again under an old name.
    pub uuid: Uuid,
    /// `<name>.<account>`: the namespace's name in its cell.
    pub cloud_id: String,
    /// Who owns it.
    pub account_id: String,
    /// Project for the attribution of costs.
    pub project_id: String,
    /// Region it is placed in.
    pub region: String,
    /// Settings as the customer gave them.
    pub spec: NamespaceSpec,
    /// Tags for the attribution of costs.
    pub tags: BTreeMap<String, String>,
    /// Where it stands in its life.
    pub state: NamespaceState,
    /// Rises with every change that a customer can see.
    pub resource_version: i64,
    /// Rises with every change that its cell has to follow.
    pub generation: i64,
    /// The cell it is placed in.
    pub cell_id: Option<String>,
    /// Whether gateways route to it.
    pub routed: bool,
    /// The operation that last changed it.
    pub workflow_id: String,
    /// When it was made, in milliseconds since 1970.
    pub created_ms: i64,
    /// When it was last changed.
    pub modified_ms: Option<i64>,
}

/// States of a namespace, a subset of the published resource states.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NamespaceState {
    /// Being created.
    Activating,
    /// Creating it failed; nothing of it exists in a cell.
    ActivationFailed,
    /// Serves.
    Active,
    /// Serves, while settings change.
    Updating,
    /// Being deleted.
    Deleting,
    /// Deleting it failed; it does not serve.
    DeleteFailed,
    /// Gone; its name is free.
    Deleted,
}

stored_names!(NamespaceState {
    Activating = "activating",
    ActivationFailed = "activation_failed",
    Active = "active",
    Updating = "updating",
    Deleting = "deleting",
    DeleteFailed = "delete_failed",
    Deleted = "deleted",
});

impl NamespaceState {
    /// Whether its cell should have it.
    pub const fn wants_cell(self) -> bool {
        matches!(self, Self::Activating | Self::Active | Self::Updating)
    }

    /// Whether an operation is under way.
    pub const fn is_changing(self) -> bool {
        matches!(self, Self::Activating | Self::Updating | Self::Deleting)
    }
}
