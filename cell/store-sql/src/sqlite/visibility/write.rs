//! Upserts and deletions, guarded by position.

use super::row::{self, AttributeRow};
use super::statements::{
    CLEAR_ATTRIBUTES, DELETE, DELETE_NAMESPACE, END_TOMBSTONES, PUT_ATTRIBUTES, PUT_TOMBSTONES, UPSERT,
};
use super::visibility_error;
use crate::sqlite::database::Database;
use crate::sqlite::error::is_refusal;
use crate::sqlite::keys;
use crate::sqlite::read::sql_limit;
use crate::sqlite::writer::Failure;
use cell_store::StoreError;
use cell_visibility::{Deletion, RecordKey, VisibilityError, VisibilityRecord};
use sqlx::{Connection, SqliteConnection};
use std::collections::BTreeMap;
use uuid::Uuid;

/// Writes records, all in one transaction.
pub(super) async fn upsert(database: &Database, records: &[VisibilityRecord]) -> Result<(), VisibilityError> {
    let mut newest: BTreeMap<RecordKey, &VisibilityRecord> = BTreeMap::new();
    for record in records {
        let held = newest.entry(record.key()).or_insert(record);
        if record.position > held.position {
            *held = record;
        }
    }
    if newest.is_empty() {
        return Ok(());
    }
    let mut writing = database.writer.hold().await.map_err(visibility_error)?;
    let written = upsert_newest(writing.transaction().map_err(visibility_error)?, &newest).await;
    let refused = match &written {
        Err(Failure::Refused(why)) => Some(why.to_string()),
        Err(Failure::Sql(why)) if is_refusal(why) => Some(why.to_string()),
        Err(Failure::Sql(_)) | Ok(()) => None,
    };
    match (writing.finish(written), refused) {
        (Err(_), Some(why)) => Err(VisibilityError::Refused(why)),
        (written, _) => written.map_err(visibility_error),
    }
}

async fn upsert_newest(
    connection: &mut SqliteConnection,
    newest: &BTreeMap<RecordKey, &VisibilityRecord>,
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
                RecordKey { namespace_id: keys::uuid(&row, 1)?, id: row::record_id(keys::text(&row, 2)?)? };
            written.push((keys::number(&row, 0)?, key));
        }
    }
    for (text, part) in CLEAR_ATTRIBUTES.parts(&written) {
        let statement = part.iter().fold(sqlx::query(text), |statement, (row_id, _)| statement.bind(*row_id));
        statement.execute(&mut *transaction).await?;
    }
    let attributes: Vec<AttributeRow<'_>> = written
        .iter()
        .filter_map(|(row_id, key)| Some((*row_id, *newest.get(key)?)))
        .flat_map(|(row_id, record)| AttributeRow::of(row_id, record))
        .collect();
    for (text, part) in PUT_ATTRIBUTES.parts(&attributes) {
        let statement = part.iter().fold(sqlx::query(text), |statement, attribute| attribute.bind(statement));
        statement.execute(&mut *transaction).await?;
    }
    Ok(transaction.commit().await?)
}

/// Deletes records that are not newer than their deletion and leaves their tombstones, all in one transaction.
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
        for Deletion { key, position, .. } in part {
            statement = statement
                .bind(key.namespace_id.as_bytes().to_vec())
                .bind(key.id.to_string())
                .bind(keys::integer(*position, "position")?);
        }
        statement.execute(&mut *transaction).await?;
    }
    for (text, part) in PUT_TOMBSTONES.parts(deletions) {
        let mut statement = sqlx::query(text);
        for Deletion { key, position, at_ms } in part {
            statement = statement
                .bind(key.namespace_id.as_bytes().to_vec())
                .bind(key.id.to_string())
                .bind(keys::integer(*position, "position")?)
                .bind(*at_ms);
        }
        statement.execute(&mut *transaction).await?;
    }
    Ok(transaction.commit().await?)
}

/// Ends tombstones that are older than a moment.
pub(super) async fn end_tombstones(
    database: &Database,
    before_ms: i64,
    limit: usize,
) -> Result<usize, StoreError> {
    let mut writing = database.writer.hold().await?;
    let statement = sqlx::query(END_TOMBSTONES).bind(before_ms).bind(sql_limit(limit));
    let ended = statement.execute(writing.statement()?).await;
    writing.finish(ended.map(|done| done.rows_affected() as usize).map_err(Failure::from))
}

pub(super) async fn delete_namespace(
    database: &Database,
    namespace_id: Uuid,
    limit: usize,
) -> Result<usize, StoreError> {
    let mut writing = database.writer.hold().await?;
    let statement =
        sqlx::query(DELETE_NAMESPACE).bind(namespace_id.as_bytes().to_vec()).bind(sql_limit(limit));
    let deleted = statement.execute(writing.statement()?).await;
    writing.finish(deleted.map(|done| done.rows_affected() as usize).map_err(Failure::from))
}
