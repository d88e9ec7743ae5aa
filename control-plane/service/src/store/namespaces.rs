use async_trait::async_trait;
use uuid::Uuid;

use super::StoreError;
use crate::model::{Namespace, NamespaceState};

/// Namespaces, as of one moment.
#[async_trait]
pub(crate) trait ReadNamespaces: Send {
    async fn namespace(&mut self, uuid: Uuid) -> Result<Option<Namespace>, StoreError>;

    /// The namespace of that cloud id that is not deleted.
    async fn live_namespace(&mut self, cloud_id: &str) -> Result<Option<Namespace>, StoreError>;

    /// How many of an account's namespaces are not deleted.
    async fn namespace_count(&mut self, account_id: &str) -> Result<u32, StoreError>;

    /// At most `limit` namespaces behind `after`, by cloud id; only the one called `only` unless that is empty.
    async fn namespaces(
        &mut self,
        account_id: &str,
        after: &str,
        only: &str,
        limit: i64,
    ) -> Result<Vec<Namespace>, StoreError>;

    /// What is assigned to a cell and not deleted, by cloud id.
    async fn namespaces_of_cell(&mut self, cell_id: &str) -> Result<Vec<Namespace>, StoreError>;

    /// Cloud id and cell of every namespace that gateways route to, by cloud id.
    async fn routes(&mut self) -> Result<Vec<(String, String)>, StoreError>;
}

/// Changes of namespaces.
#[async_trait]
pub(crate) trait WriteNamespaces: Send {
    /// Inserts a namespace at version and generation 1, without a cell. Refused where another one of its cloud id is
    /// not deleted.
    async fn insert_namespace(&mut self, namespace: &Namespace) -> Result<(), StoreError>;

    /// Writes settings, tags, state, operation and modification time, and raises version and generation.
    async fn change_namespace(&mut self, namespace: &Namespace) -> Result<(), StoreError>;

    /// Writes the state, and raises the version.
    async fn set_namespace_state(&mut self, uuid: Uuid, state: NamespaceState) -> Result<(), StoreError>;

    async fn set_namespace_cell(&mut self, uuid: Uuid, cell_id: &str) -> Result<(), StoreError>;

    /// Whether that changed anything.
    async fn set_routed(&mut self, uuid: Uuid, routed: bool) -> Result<bool, StoreError>;

    /// Raises the generation to at least `generation`.
    async fn raise_generation(&mut self, uuid: Uuid, generation: i64) -> Result<(), StoreError>;
}
