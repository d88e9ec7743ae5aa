use atoll_api::temporal::api::cloud::namespace::v1::NamespaceSpec;
use prost::Message;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{Row, query};

use super::{StoreError, sql};
use crate::model::{Operation, OperationKind, OperationState};

/// Inserts a pending operation, which is thereby in the outbox.
pub(crate) async fn insert(
    connection: &mut SqliteConnection,
    operation: &Operation,
) -> Result<(), StoreError> {
    query(sql!("operation_insert"))
        .bind(&operation.workflow_id)
        .bind(&operation.account_id)
        .bind(&operation.id)
        .bind(operation.kind.name())
        .bind(&operation.subject)
        .bind(&operation.input_type)
        .bind(&operation.input)
        .bind(operation.previous_spec.as_ref().map(Message::encode_to_vec))
        .bind(operation.created_ms)
        .execute(connection)
        .await?;
    Ok(())
}

pub(crate) async fn get(
    connection: &mut SqliteConnection,
    workflow_id: &str,
) -> Result<Option<Operation>, StoreError> {
    let row = query(sql!("operation_get")).bind(workflow_id).fetch_optional(connection).await?;
    row.as_ref().map(operation).transpose()
}

pub(crate) async fn by_id(
    connection: &mut SqliteConnection,
    account_id: &str,
    id: &str,
) -> Result<Option<Operation>, StoreError> {
    let row = query(sql!("operation_by_id")).bind(account_id).bind(id).fetch_optional(connection).await?;
    row.as_ref().map(operation).transpose()
}

/// The oldest operations whose workflows are not known to be started.
pub(crate) async fn to_start(
    connection: &mut SqliteConnection,
    limit: i64,
) -> Result<Vec<Operation>, StoreError> {
    let rows = query(sql!("operation_to_start")).bind(limit).fetch_all(connection).await?;
    rows.iter().map(operation).collect()
}

/// Takes an operation out of the outbox.
pub(crate) async fn set_started(
    connection: &mut SqliteConnection,
    workflow_id: &str,
) -> Result<(), StoreError> {
    query(sql!("operation_set_started")).bind(workflow_id).execute(connection).await?;
    Ok(())
}

/// Marks a pending operation as in progress; any other stays as it is.
pub(crate) async fn begin(connection: &mut SqliteConnection, workflow_id: &str) -> Result<(), StoreError> {
    query(sql!("operation_begin")).bind(workflow_id).execute(connection).await?;
    Ok(())
}

/// Ends an operation; one that has ended stays as it is.
pub(crate) async fn finish(
    connection: &mut SqliteConnection,
    workflow_id: &str,
    state: OperationState,
    reason: &str,
    now_ms: i64,
) -> Result<(), StoreError> {
    query(sql!("operation_finish"))
        .bind(workflow_id)
        .bind(state.name())
        .bind(reason)
        .bind(now_ms)
        .execute(connection)
        .await?;
    Ok(())
}

fn operation(row: &SqliteRow) -> Result<Operation, StoreError> {
    let kind: String = row.try_get("kind")?;
    let state: String = row.try_get("state")?;
    let previous: Option<Vec<u8>> = row.try_get("previous_spec")?;
    Ok(Operation {
        workflow_id: row.try_get("workflow_id")?,
        account_id: row.try_get("account_id")?,
        id: row.try_get("id")?,
        kind: OperationKind::from_name(&kind).ok_or_else(|| StoreError::malformed("operation kind", kind))?,
        subject: row.try_get("subject")?,
        state: OperationState::from_name(&state)
            .ok_or_else(|| StoreError::malformed("operation state", state))?,
        failure_reason: row.try_get("failure_reason")?,
        input_type: row.try_get("input_type")?,
        input: row.try_get("input")?,
        previous_spec: previous
            .map(|spec| NamespaceSpec::decode(spec.as_slice()))
            .transpose()
            .map_err(|error| StoreError::malformed("previous spec", error))?,
        created_ms: row.try_get("created_ms")?,
        finished_ms: row.try_get("finished_ms")?,
    })
}
