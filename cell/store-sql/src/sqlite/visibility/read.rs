//! Lists and counts.

use super::filter::Condition;
use super::row::{self, Rank};
use super::statements::{ATTRIBUTES, COUNT, GROUPS, LIST};
use crate::sqlite::database::Database;
use crate::sqlite::error::store_error;
use crate::sqlite::keys;
use cell_store::StoreError;
use cell_visibility::{
    Attribute, Count, CountGroup, ListRequest, Page, PageToken, Predicate, Value, VisibilityRecord,
};
use sqlx::{AssertSqlSafe, SqliteConnection};
use std::collections::BTreeMap;
use uuid::Uuid;

/// Reads a page and its attributes at one point in time.
pub(super) async fn list(database: &Database, request: ListRequest<'_>) -> Result<Page, StoreError> {
    let mut transaction = database.readers.begin().await.map_err(store_error)?;
    let condition = Condition::new(request.predicate, request.namespace_id);
    let from = request.after.as_ref().map_or_else(Rank::first, Rank::of);
    let text = LIST.replace("{filter}", &condition.sql);
    let statement = sqlx::query(AssertSqlSafe(text))
        .persistent(false)
        .bind(request.namespace_id.as_bytes().to_vec())
        .bind(from.close)
        .bind(from.start)
        .bind(from.record_id);
    let statement = condition.bind(statement).bind(request.page_size as i64);
    let rows = statement.fetch_all(&mut *transaction).await.map_err(store_error)?;
    let mut found = rows.iter().map(row::read).collect::<Result<Vec<_>, StoreError>>()?;
    if !found.is_empty() {
        read_attributes(&mut transaction, &mut found).await?;
    }
    transaction.commit().await.map_err(store_error)?;
    let records: Vec<VisibilityRecord> = found.into_iter().map(|(_, record)| record).collect();
    let full = records.len() == request.page_size;
    let next = records.last().filter(|_| full).map(PageToken::of);
    Ok(Page { records, next })
}

async fn read_attributes(
    connection: &mut SqliteConnection,
    found: &mut [(i64, VisibilityRecord)],
) -> Result<(), StoreError> {
    let numbers: Vec<String> = found.iter().map(|(row_id, _)| row_id.to_string()).collect();
    let places: BTreeMap<i64, usize> =
        found.iter().enumerate().map(|(place, (row_id, _))| (*row_id, place)).collect();
    let statement = sqlx::query(ATTRIBUTES).bind(format!("[{}]", numbers.join(",")));
    for row in statement.fetch_all(connection).await.map_err(store_error)? {
        let Some(place) = places.get(&keys::number(&row, 0)?) else { continue };
        let attributes = &mut found[*place].1.search_attributes;
        let name = keys::text(&row, 1)?;
        if let Some(value) = row::read_attribute(&row, attributes.get_mut(name))? {
            attributes.insert(name.to_owned(), value);
        }
    }
    Ok(())
}

pub(super) async fn count(
    database: &Database,
    namespace_id: Uuid,
    predicate: &Predicate,
    group_by: Option<&Attribute>,
) -> Result<Count, StoreError> {
    let condition = Condition::new(predicate, namespace_id);
    let namespace = namespace_id.as_bytes().to_vec();
    let Some(attribute) = group_by else {
        let text = COUNT.replace("{filter}", &condition.sql);
        let statement = sqlx::query(AssertSqlSafe(text)).persistent(false).bind(namespace);
        let row = condition.bind(statement).fetch_one(&database.readers).await.map_err(store_error)?;
        return Ok(Count { total: keys::unsigned(&row, 0)?, groups: Vec::new() });
    };
    let group = Condition::value_of(attribute, namespace_id);
    let text = GROUPS.replace("{group}", &group.sql).replace("{filter}", &condition.sql);
    let statement = group.bind(sqlx::query(AssertSqlSafe(text)).persistent(false)).bind(namespace);
    let rows = condition.bind(statement).fetch_all(&database.readers).await.map_err(store_error)?;
    let mut count = Count::default();
    for row in rows {
        let value = keys::maybe_text(&row, 0)?.map(|text| Value::Keyword(text.to_owned()));
        let group = CountGroup { value, count: keys::unsigned(&row, 1)? };
        count.total += group.count;
        count.groups.push(group);
    }
    Ok(count)
}
