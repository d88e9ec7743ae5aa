//! Lists and counts.

use super::filter::{Sqlite, bind};
use super::row::{self, Found};
use super::statements::{ATTRIBUTES, COUNT, GROUPS, LIST, MEMOS};
use crate::filter::Condition;
use crate::sqlite::error::store_error;
use crate::sqlite::keys;
use cell_store::StoreError;
use cell_visibility::{
    Attribute, Count, CountGroup, ListRequest, Page, PageFill, PageToken, Predicate, Value, VisibilityRecord,
};
use sqlx::{AssertSqlSafe, Connection, SqliteConnection};
use std::collections::BTreeMap;
use uuid::Uuid;

/// Records whose attributes are read at once. Those of one may take 40 KiB, and only so many are held beside the
/// page's.
const ATTRIBUTES_AT_ONCE: usize = 250;

/// Reads a page, its attributes and memos at one point in time.
pub(super) async fn list(
    connection: &mut SqliteConnection,
    request: ListRequest<'_>,
) -> Result<Page, StoreError> {
    let mut transaction = connection.begin().await.map_err(store_error)?;
    let condition =
        Condition::<Sqlite>::after(request.predicate, request.namespace_id, request.after.as_ref());
    let statement = sqlx::query(AssertSqlSafe(condition.complete(LIST))).persistent(false);
    let statement = bind(condition, statement).bind(request.page_size as i64);
    let rows = statement.fetch_all(&mut *transaction).await.map_err(store_error)?;
    let mut found = rows.iter().map(row::read).collect::<Result<Vec<_>, StoreError>>()?;
    drop(rows);
    let full = found.len() == request.page_size;
    let cut = fill(&mut transaction, &mut found).await?;
    read_memos(&mut transaction, &mut found).await?;
    transaction.commit().await.map_err(store_error)?;
    let records: Vec<VisibilityRecord> = found.into_iter().map(|found| found.record).collect();
    let next = records.last().filter(|_| full || cut).map(PageToken::of);
    Ok(Page { records, next })
}

/// Reads the attributes of as many records as go on the page, and leaves the others out: true where there are such.
async fn fill(connection: &mut SqliteConnection, found: &mut Vec<Found>) -> Result<bool, StoreError> {
    let (mut fill, mut kept) = (PageFill::default(), 0);
    while kept < found.len() {
        let end = found.len().min(kept + ATTRIBUTES_AT_ONCE);
        read_attributes(connection, &mut found[kept..end]).await?;
        let sizes = found[kept..end].iter().map(|found| found.record.page_bytes() + found.memo_bytes);
        let fitting = sizes.take_while(|bytes| fill.takes(*bytes)).count();
        kept += fitting;
        if kept < end {
            found.truncate(kept);
            return Ok(true);
        }
    }
    Ok(false)
}

/// The row numbers as the JSON that statements take, and where each stands.
fn numbered<'f>(found: impl Iterator<Item = (usize, &'f Found)>) -> (String, BTreeMap<i64, usize>) {
    let places: BTreeMap<i64, usize> = found.map(|(place, found)| (found.row_id, place)).collect();
    let numbers: Vec<String> = places.keys().map(i64::to_string).collect();
    (format!("[{}]", numbers.join(",")), places)
}

async fn read_memos(connection: &mut SqliteConnection, found: &mut [Found]) -> Result<(), StoreError> {
    let (numbers, places) = numbered(found.iter().enumerate().filter(|(_, found)| found.memo_bytes > 0));
    if places.is_empty() {
        return Ok(());
    }
    let statement = sqlx::query(MEMOS).bind(numbers);
    for row in statement.fetch_all(connection).await.map_err(store_error)? {
        let Some(place) = places.get(&keys::number(&row, 0)?) else { continue };
        found[*place].record.memo = keys::blob(&row, 1)?.to_vec().into();
    }
    Ok(())
}

async fn read_attributes(connection: &mut SqliteConnection, found: &mut [Found]) -> Result<(), StoreError> {
    let (numbers, places) = numbered(found.iter().enumerate());
    let statement = sqlx::query(ATTRIBUTES).bind(numbers);
    for row in statement.fetch_all(connection).await.map_err(store_error)? {
        let Some(place) = places.get(&keys::number(&row, 0)?) else { continue };
        let attributes = &mut found[*place].record.search_attributes;
        let name = keys::text(&row, 1)?;
        if let Some(value) = row::read_attribute(&row, attributes.get_mut(name))? {
            attributes.insert(name.to_owned(), value);
        }
    }
    Ok(())
}

pub(super) async fn count(
    connection: &mut SqliteConnection,
    namespace_id: Uuid,
    predicate: &Predicate,
    group_by: Option<&Attribute>,
) -> Result<Count, StoreError> {
    let statement = |text: String| sqlx::query(AssertSqlSafe(text)).persistent(false);
    let Some(attribute) = group_by else {
        let condition = Condition::<Sqlite>::new(predicate, namespace_id);
        let statement = statement(condition.complete(COUNT));
        let row = bind(condition, statement).fetch_one(connection).await.map_err(store_error)?;
        return Ok(Count { total: keys::unsigned(&row, 0)?, groups: Vec::new() });
    };
    let condition = Condition::<Sqlite>::grouped(predicate, namespace_id, attribute);
    let statement = statement(condition.complete(GROUPS));
    let rows = bind(condition, statement).fetch_all(connection).await.map_err(store_error)?;
    let mut count = Count::default();
    for row in rows {
        let value = keys::maybe_text(&row, 0)?.map(|text| Value::Keyword(text.to_owned()));
        let group = CountGroup { value, count: keys::unsigned(&row, 1)? };
        count.total += group.count;
        count.groups.push(group);
    }
    Ok(count)
}
