use std::collections::BTreeMap;

use atoll_api::temporal::api::cloud::namespace::v1::NamespaceSpec;
use prost::Message;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{Row, query};
use uuid::Uuid;

use super::{StoreError, sql};
use crate::model::{Namespace, NamespaceState};

/// Inserts a namespace at version and generation 1, without a cell.
pub(crate) async fn insert(
    connection: &mut SqliteConnection,
    namespace: &Namespace,
) -> Result<(), StoreError> {
    query(sql!("namespace_insert"))
        .bind(namespace.uuid.as_bytes().as_slice())
        .bind(&namespace.cloud_id)
        .bind(&namespace.account_id)
        .bind(&namespace.project_id)
        .bind(&namespace.region)
        .bind(namespace.spec.encode_to_vec())
        .bind(tags_text(&namespace.tags)?)
        .bind(namespace.state.name())
        .bind(&namespace.workflow_id)
        .bind(namespace.created_ms)
        .execute(connection)
        .await?;
    Ok(())
}

pub(crate) async fn get(
    connection: &mut SqliteConnection,
    uuid: Uuid,
) -> Result<Option<Namespace>, StoreError> {
    let row =
        query(sql!("namespace_get")).bind(uuid.as_bytes().as_slice()).fetch_optional(connection).await?;
    row.as_ref().map(namespace).transpose()
}

/// The namespace of that cloud id that is not deleted.
pub(crate) async fn live(
    connection: &mut SqliteConnection,
    cloud_id: &str,
) -> Result<Option<Namespace>, StoreError> {
    let row = query(sql!("namespace_live")).bind(cloud_id).fetch_optional(connection).await?;
    row.as_ref().map(namespace).transpose()
}

/// At most `limit` namespaces behind `after`, by cloud id; only the one called `only` unless that is empty.
pub(crate) async fn page(
    connection: &mut SqliteConnection,
    account_id: &str,
    after: &str,
    only: &str,
    limit: i64,
) -> Result<Vec<Namespace>, StoreError> {
    let rows = query(sql!("namespace_page"))
        .bind(account_id)
        .bind(after)
        .bind(only)
        .bind(limit)
        .fetch_all(connection)
        .await?;
    rows.iter().map(namespace).collect()
}

/// Everything that was ever assigned to a cell, deleted namespaces included.
pub(crate) async fn of_cell(
    connection: &mut SqliteConnection,
    cell_id: &str,
) -> Result<Vec<Namespace>, StoreError> {
    let rows = query(sql!("namespace_of_cell")).bind(cell_id).fetch_all(connection).await?;
    rows.iter().map(namespace).collect()
}

/// Writes settings, tags, state, operation and modification time, and raises version and generation.
pub(crate) async fn change(
    connection: &mut SqliteConnection,
    namespace: &Namespace,
) -> Result<(), StoreError> {
    query(sql!("namespace_change"))
        .bind(namespace.uuid.as_bytes().as_slice())
        .bind(namespace.spec.encode_to_vec())
        .bind(tags_text(&namespace.tags)?)
        .bind(namespace.state.name())
        .bind(&namespace.workflow_id)
        .bind(namespace.modified_ms)
        .execute(connection)
        .await?;
    Ok(())
}

/// Writes the state, and raises the version.
pub(crate) async fn set_state(
    connection: &mut SqliteConnection,
    uuid: Uuid,
    state: NamespaceState,
) -> Result<(), StoreError> {
    query(sql!("namespace_set_state"))
        .bind(uuid.as_bytes().as_slice())
        .bind(state.name())
        .execute(connection)
        .await?;
    Ok(())
}

pub(crate) async fn set_cell(
    connection: &mut SqliteConnection,
    uuid: Uuid,
    cell_id: &str,
) -> Result<(), StoreError> {
    query(sql!("namespace_set_cell"))
        .bind(uuid.as_bytes().as_slice())
        .bind(cell_id)
        .execute(connection)
        .await?;
    Ok(())
}

/// Whether that changed anything.
pub(crate) async fn set_routed(
    connection: &mut SqliteConnection,
    uuid: Uuid,
    routed: bool,
) -> Result<bool, StoreError> {
    let done = query(sql!("namespace_set_routed"))
        .bind(uuid.as_bytes().as_slice())
        .bind(routed)
        .execute(connection)
        .await?;
    Ok(done.rows_affected() > 0)
}

/// Raises the generation to at least `generation`.
pub(crate) async fn raise_generation(
    connection: &mut SqliteConnection,
    uuid: Uuid,
    generation: i64,
) -> Result<(), StoreError> {
    query(sql!("namespace_raise_generation"))
        .bind(uuid.as_bytes().as_slice())
        .bind(generation)
        .execute(connection)
        .await?;
    Ok(())
}

/// Cloud id and cell of every namespace that gateways route to.
pub(crate) async fn routes(connection: &mut SqliteConnection) -> Result<Vec<(String, String)>, StoreError> {
    let rows = query(sql!("namespace_routes")).fetch_all(connection).await?;
    rows.iter().map(|row| Ok((row.try_get("cloud_id")?, row.try_get("cell_id")?))).collect()
}

fn tags_text(tags: &BTreeMap<String, String>) -> Result<String, StoreError> {
    serde_json::to_string(tags).map_err(|error| StoreError::malformed("tags", error))
}

fn namespace(row: &SqliteRow) -> Result<Namespace, StoreError> {
    let uuid: Vec<u8> = row.try_get("uuid")?;
    let spec: Vec<u8> = row.try_get("spec")?;
    let tags: String = row.try_get("tags")?;
    let state: String = row.try_get("state")?;
    Ok(Namespace {
        uuid: Uuid::from_slice(&uuid).map_err(|error| StoreError::malformed("namespace UUID", error))?,
        cloud_id: row.try_get("cloud_id")?,
        account_id: row.try_get("account_id")?,
        project_id: row.try_get("project_id")?,
        region: row.try_get("region")?,
        spec: NamespaceSpec::decode(spec.as_slice())
            .map_err(|error| StoreError::malformed("namespace spec", error))?,
        tags: serde_json::from_str(&tags).map_err(|error| StoreError::malformed("tags", error))?,
        state: NamespaceState::from_name(&state)
            .ok_or_else(|| StoreError::malformed("namespace state", state))?,
        resource_version: row.try_get("resource_version")?,
        generation: row.try_get("generation")?,
        cell_id: row.try_get("cell_id")?,
        routed: row.try_get("routed")?,
        workflow_id: row.try_get("workflow_id")?,
        created_ms: row.try_get("created_ms")?,
        modified_ms: row.try_get("modified_ms")?,
    })
}
