//! Rows as arrays, one of each column: a statement takes many at once.

use uuid::Uuid;

use super::transaction::Statement;
use crate::cube::CubeKey;
use crate::ledger::{KnownOwner, OpenHour, Quantity, StorageKey};
use crate::store::StoreError;
use crate::store::columns::signed;

/// Rows that one statement takes at most: it ends long before its time-out.
pub(super) const ROWS: usize = 1_000;

fn names<'a, T>(rows: &'a [T], name: impl Fn(&'a T) -> &'a str) -> Vec<&'a [u8]> {
    rows.iter().map(|row| name(row).as_bytes()).collect()
}

/// Binds seven arrays.
pub(super) fn bind_owners<'q>(
    statement: Statement<'q>,
    rows: &'q [(Uuid, &'q KnownOwner)],
) -> Result<Statement<'q>, StoreError> {
    let ids: Vec<Uuid> = rows.iter().map(|(id, _)| *id).collect();
    let generations = rows.iter().map(|(_, known)| signed("generation", known.generation));
    Ok(statement
        .bind(ids)
        .bind(names(rows, |(_, known)| &known.owner.namespace))
        .bind(names(rows, |(_, known)| &known.owner.account_id))
        .bind(names(rows, |(_, known)| &known.owner.project_id))
        .bind(names(rows, |(_, known)| &known.owner.tags))
        .bind(generations.collect::<Result<Vec<i64>, _>>()?)
        .bind(rows.iter().map(|(_, known)| known.named_day_ms).collect::<Vec<i64>>()))
}

/// Binds two arrays.
pub(super) fn bind_storage<'q, 'a>(
    statement: Statement<'q>,
    keys: impl Iterator<Item = &'a StorageKey>,
) -> Statement<'q> {
    let (ids, kinds): (Vec<Uuid>, Vec<i64>) = keys.map(|(id, kind)| (*id, *kind as i64)).unzip();
    statement.bind(ids).bind(kinds)
}

/// Binds an array of numbers beyond 64 bits, as decimal text.
pub(super) fn bind_quantities(
    statement: Statement<'_>,
    quantities: impl Iterator<Item = Quantity>,
) -> Statement<'_> {
    statement.bind(quantities.map(|quantity| quantity.to_string()).collect::<Vec<String>>())
}

/// Binds five arrays.
pub(super) fn bind_open_hours<'q>(
    statement: Statement<'q>,
    rows: &'q [(i64, StorageKey, OpenHour)],
) -> Statement<'q> {
    let statement = statement.bind(rows.iter().map(|(hour_ms, ..)| *hour_ms).collect::<Vec<i64>>());
    let statement = bind_storage(statement, rows.iter().map(|(_, key, _)| key));
    let statement = bind_quantities(statement, rows.iter().map(|(.., open)| open.bytes));
    bind_quantities(statement, rows.iter().map(|(.., open)| open.moment))
}

/// Binds ten arrays.
pub(super) fn bind_cube<'q>(
    statement: Statement<'q>,
    rows: &'q [(&'q CubeKey, &'q Quantity)],
) -> Statement<'q> {
    let statement = statement
        .bind(rows.iter().map(|(key, _)| key.hour_ms).collect::<Vec<i64>>())
        .bind(names(rows, |(key, _)| &key.namespace))
        .bind(rows.iter().map(|(key, _)| key.namespace_id).collect::<Vec<Uuid>>())
        .bind(rows.iter().map(|(key, _)| key.kind as i64).collect::<Vec<i64>>())
        .bind(names(rows, |(key, _)| &key.action_type))
        .bind(names(rows, |(key, _)| &key.project_id))
        .bind(names(rows, |(key, _)| &key.tags))
        .bind(names(rows, |(key, _)| &key.cell_id))
        .bind(names(rows, |(key, _)| &key.account_id));
    bind_quantities(statement, rows.iter().map(|(_, quantity)| **quantity))
}
