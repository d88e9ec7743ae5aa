//! Upserts and deletions, guarded by position.

use super::row::{self, AttributeRow};
use super::statements::{CLEAR_ATTRIBUTES, DELETE, DELETE_NAMESPACE, PUT_ATTRIBUTES, UPSERT};
use crate::sqlite::database::Database;
use crate::sqlite::keys;
use crate::sqlite::writer::Failure;
use cell_store::StoreError;
use cell_visibility::{Deletion, RunKey, VisibilityRecord};
use sqlx::{Connection, SqliteConnection};
use std::collections::HashMap;
use uuid::Uuid;

/// Writes records, all in one transaction.
pub(super) async fn upsert(database: &Database, records: &[VisibilityRecord]) -> Result<(), StoreError> {
    let mut newest: HashMap<RunKey, &VisibilityRecord> = HashMap::with_capacity(records.len());
    for record in records {
        let held = newest.entry(record.key()).or_insert(record);
        if record.position > held.position {
            *held = record;
        }
    }
    if newest.is_empty() {
        return Ok(());
    }
    let mut writing = database.writer.hold().await?;
    let written = upsert_newest(writing.transaction()?, &newest).await;
    writing.finish(written)
}

async fn upsert_newest(
    connection: &mut SqliteConnection,
    newest: &HashMap<RunKey, &VisibilityRecord>,
) -> Result<(), Failure> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    let records: Vec<&VisibilityRecord> = newest.values().copied().collect();
    let mut written = Vec::with_capacity(records.len());
    for (text, part) in UPSERT.parts(&records) {
        let mut statement = sqlx::query(text);
        for record in part {
            statement = row::bind(statement, record)?;
        }
        for row in statement.fetch_all(&mut *transaction).await? {
            let key =
                RunKey { namespace_id: keys::uuid(&row, 1)?, run_id: row::run_id(keys::text(&row, 2)?)? };
            written.push((keys::number(&row, 0)?, key));
        }
    }
    for (text, part) in CLEAR_ATTRIBUTES.parts(&written) {
        let statement = part.iter().fold(sqlx::query(text), |statement, (row_id, _)| statement.bind(*row_id));
        statement.execute(&mut *transaction).await?;
    }
    let attributes: Vec<AttributeRow<'_>> = written
        .iter()
        .filter_map(|(row_id, key)| Some((*row_id, newest.get(key)?)))
        .flat_map(|(row_id, record)| {
            let attributes = record.search_attributes.iter();
            attributes
                .flat_map(move |(name, value)| AttributeRow::of(row_id, record.namespace_id, name, value))
        })
        .collect();
    for (text, part) in PUT_ATTRIBUTES.parts(&attributes) {
        let statement = part.iter().fold(sqlx::query(text), |statement, attribute| attribute.bind(statement));
        statement.execute(&mut *transaction).await?;
    }
    Ok(transaction.commit().await?)
}

/// Deletes records that are not newer than their deletion, all in one transaction.
pub(super) async fn delete(database: &Database, deletions: &[Deletion]) -> Result<(), StoreError> {
    if deletions.is_empty() {
        return Ok(());
    }
    let mut writing = database.writer.hold().await?;
    let deleted = delete_all(writing.transaction()?, deletions).await;
    writing.finish(deleted)
}

async fn delete_all(connection: &mut SqliteConnection, deletions: &[Deletion]) -> Result<(), Failure> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    for (text, part) in DELETE.parts(deletions) {
        let mut statement = sqlx::query(text);
        for Deletion { key, position } in part {
            statement = statement
                .bind(key.namespace_id.as_bytes().to_vec())
                .bind(key.run_id.to_string())
                .bind(keys::integer(*position, "position")?);
        }
        statement.execute(&mut *transaction).await?;
    }
    Ok(transaction.commit().await?)
}

pub(super) async fn delete_namespace(
    database: &Database,
    namespace_id: Uuid,
    limit: usize,
) -> Result<usize, StoreError> {
    let mut writing = database.writer.hold().await?;
    let statement = sqlx::query(DELETE_NAMESPACE)
        .bind(namespace_id.as_bytes().to_vec())
        .bind(i64::try_from(limit).unwrap_or(i64::MAX));
    let deleted = statement.execute(writing.statement()?).await;
    writing.finish(deleted.map(|done| done.rows_affected() as usize).map_err(Failure::from))
}
