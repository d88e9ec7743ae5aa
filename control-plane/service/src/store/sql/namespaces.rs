use std::collections::BTreeMap;

use async_trait::async_trait;
use atoll_api::temporal::api::cloud::namespace::v1::NamespaceSpec;
use prost::Message;
use uuid::Uuid;

use super::{Row, Session, Statement, values_of};
use crate::model::{Namespace, NamespaceState};
use crate::store::StoreError;
use crate::store::namespaces::{ReadNamespaces, WriteNamespaces};

#[async_trait]
impl<S: Session> ReadNamespaces for S {
    async fn namespace(&mut self, uuid: Uuid) -> Result<Option<Namespace>, StoreError> {
        let row = self.one(Statement::NamespaceGet, values_of![uuid]).await?;
        row.as_ref().map(namespace).transpose()
    }

    async fn live_namespace(&mut self, cloud_id: &str) -> Result<Option<Namespace>, StoreError> {
        let row = self.one(Statement::NamespaceLive, values_of![cloud_id]).await?;
        row.as_ref().map(namespace).transpose()
    }

    async fn namespace_count(&mut self, account_id: &str) -> Result<u32, StoreError> {
        self.count(Statement::NamespaceCount, account_id).await
    }

    async fn namespaces(
        &mut self,
        account_id: &str,
        after: &str,
        only: &str,
        limit: i64,
    ) -> Result<Vec<Namespace>, StoreError> {
        let rows = self.all(Statement::NamespacePage, values_of![account_id, after, only, limit]).await?;
        rows.iter().map(namespace).collect()
    }

    async fn namespaces_of_cell(&mut self, cell_id: &str) -> Result<Vec<Namespace>, StoreError> {
        let rows = self.all(Statement::NamespaceOfCell, values_of![cell_id]).await?;
        rows.iter().map(namespace).collect()
    }

    async fn routes(&mut self) -> Result<Vec<(String, String)>, StoreError> {
        let rows = self.all(Statement::NamespaceRoutes, &[]).await?;
        rows.iter().map(|row| Ok((row.text("cloud_id")?, row.text("cell_id")?))).collect()
    }
}

#[async_trait]
impl<S: Session> WriteNamespaces for S {
    async fn insert_namespace(&mut self, namespace: &Namespace) -> Result<(), StoreError> {
        let (spec, tags) = (namespace.spec.encode_to_vec(), tags_text(&namespace.tags)?);
        let values = values_of![
            namespace.uuid,
            &namespace.cloud_id,
            &namespace.account_id,
            &namespace.project_id,
            &namespace.region,
            spec.as_slice(),
            &tags,
            namespace.state.name(),
            &namespace.workflow_id,
            namespace.created_ms,
        ];
        self.run(Statement::NamespaceInsert, values).await.map(drop)
    }

    async fn change_namespace(&mut self, namespace: &Namespace) -> Result<(), StoreError> {
        let (spec, tags) = (namespace.spec.encode_to_vec(), tags_text(&namespace.tags)?);
        let values = values_of![
            namespace.uuid,
            spec.as_slice(),
            &tags,
            namespace.state.name(),
            &namespace.workflow_id,
            namespace.modified_ms,
        ];
        self.run(Statement::NamespaceChange, values).await.map(drop)
    }

    async fn set_namespace_state(&mut self, uuid: Uuid, state: NamespaceState) -> Result<(), StoreError> {
        self.run(Statement::NamespaceSetState, values_of![uuid, state.name()]).await.map(drop)
    }

    async fn set_namespace_cell(&mut self, uuid: Uuid, cell_id: &str) -> Result<(), StoreError> {
        self.run(Statement::NamespaceSetCell, values_of![uuid, cell_id]).await.map(drop)
    }

    async fn set_routed(&mut self, uuid: Uuid, routed: bool) -> Result<bool, StoreError> {
        Ok(self.run(Statement::NamespaceSetRouted, values_of![uuid, routed]).await? > 0)
    }

    async fn raise_generation(&mut self, uuid: Uuid, generation: i64) -> Result<(), StoreError> {
        self.run(Statement::NamespaceRaiseGeneration, values_of![uuid, generation]).await.map(drop)
    }
}

fn tags_text(tags: &BTreeMap<String, String>) -> Result<String, StoreError> {
    serde_json::to_string(tags).map_err(|error| StoreError::malformed("tags", error))
}

fn namespace(row: &impl Row) -> Result<Namespace, StoreError> {
    let state = row.text("state")?;
    Ok(Namespace {
        uuid: row.uuid("uuid")?,
        cloud_id: row.text("cloud_id")?,
        account_id: row.text("account_id")?,
        project_id: row.text("project_id")?,
        region: row.text("region")?,
        spec: NamespaceSpec::decode(row.bytes("spec")?.as_slice())
            .map_err(|error| StoreError::malformed("namespace spec", error))?,
        tags: serde_json::from_str(&row.text("tags")?)
            .map_err(|error| StoreError::malformed("tags", error))?,
        state: NamespaceState::from_name(&state)
            .ok_or_else(|| StoreError::malformed("namespace state", state))?,
        resource_version: row.integer("resource_version")?,
        generation: row.integer("generation")?,
        cell_id: row.maybe_text("cell_id")?,
        routed: row.flag("routed")?,
        workflow_id: row.text("workflow_id")?,
        created_ms: row.integer("created_ms")?,
        modified_ms: row.maybe_integer("modified_ms")?,
    })
}
