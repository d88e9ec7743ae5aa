//! Upserts and deletions, guarded by position. A call is one statement, which is committed with its answer.

use super::encoding;
use super::row::Columns;
use super::statements::{DELETE, DELETE_NAMESPACE, END_TOMBSTONES, UPSERT};
use super::visibility_error;
use crate::postgres::database::USUAL;
use crate::postgres::error::{Failure, is_refused_data, store_error};
use crate::postgres::keys::{self, Statement};
use crate::postgres::read::rows;
use atoll_postgres::Connections;
use cell_store::StoreError;
use cell_visibility::{Deletion, RecordKey, VisibilityError, VisibilityRecord};
use std::collections::BTreeMap;
use uuid::Uuid;

/// Writes records. Who writes the same ones waits for another, never each for the other: they go by their names.
pub(super) async fn upsert(
    connections: &Connections,
    records: &[VisibilityRecord],
) -> Result<(), VisibilityError> {
    let mut newest: BTreeMap<RecordKey, &VisibilityRecord> = BTreeMap::new();
    for record in records {
        let held = newest.entry(record.key()).or_insert(record);
        if record.position > held.position {
            *held = record;
        }
    }
    let mut columns = Columns::default();
    for record in newest.values() {
        columns.push(record).map_err(|error| VisibilityError::Refused(error.to_string()))?;
    }
    write(connections, newest.len(), UPSERT, |statement| columns.bind(statement)).await
}

/// Deletes records that are not newer than their deletion, and leaves tombstones.
pub(super) async fn delete(connections: &Connections, deletions: &[Deletion]) -> Result<(), VisibilityError> {
    let mut latest: BTreeMap<&RecordKey, (u64, i64)> = BTreeMap::new();
    for Deletion { key, position, at_ms } in deletions {
        let held = latest.entry(key).or_insert((*position, *at_ms));
        *held = (held.0.max(*position), held.1.max(*at_ms));
    }
    let (mut namespaces, mut ids, mut positions, mut moments) = (vec![], vec![], vec![], vec![]);
    for (key, (position, at_ms)) in &latest {
        namespaces.push(key.namespace_id);
        ids.push(encoding::record_id(&key.id));
        let position = keys::integer(*position, "position");
        positions.push(position.map_err(|error| VisibilityError::Refused(error.to_string()))?);
        moments.push(*at_ms);
    }
    write(connections, latest.len(), DELETE, |statement| {
        statement.bind(namespaces).bind(ids).bind(positions).bind(moments)
    })
    .await
}

/// Writes so many rows. Those that stand already are locked nevertheless: a commit that was never answered, and that
/// standbys lack which commits wait for, is behind the commit of its repetition.
async fn write<'q>(
    connections: &Connections,
    count: usize,
    text: &'static str,
    bind: impl FnOnce(Statement<'q>) -> Statement<'q>,
) -> Result<(), VisibilityError> {
    if count == 0 {
        return Ok(());
    }
    let write = async {
        let mut session = connections.session().await?;
        let statement = bind(session.query(text));
        session.run(statement).await?;
        Ok::<_, Failure>(session.end().await?)
    };
    connections.within(USUAL, write).await.map_err(|failure| match failure {
        Failure::Refusal(refusal) if is_refused_data(&refusal) => {
            VisibilityError::Refused(refusal.to_string())
        }
        Failure::Refusal(refusal) => visibility_error(store_error(&refusal)),
        Failure::Store(error) => visibility_error(error),
    })
}

/// Ends tombstones that are older than a moment.
pub(super) async fn end_tombstones(
    connections: &Connections,
    before_ms: i64,
    limit: usize,
) -> Result<usize, VisibilityError> {
    let limit = keys::limit(limit);
    let ended = rows(connections, END_TOMBSTONES, |statement| statement.bind(before_ms).bind(limit)).await;
    counted(ended)
}

pub(super) async fn delete_namespace(
    connections: &Connections,
    namespace_id: Uuid,
    limit: usize,
) -> Result<usize, VisibilityError> {
    let limit = keys::limit(limit);
    let deleted = rows(connections, DELETE_NAMESPACE, |statement| statement.bind(namespace_id).bind(limit));
    counted(deleted.await)
}

fn counted(rows: Result<Vec<sqlx::postgres::PgRow>, StoreError>) -> Result<usize, VisibilityError> {
    let count = |rows: Vec<_>| rows.first().map_or(Ok(0), |row| keys::unsigned(row, 0));
    rows.and_then(count).map(|count| count as usize).map_err(visibility_error)
}
