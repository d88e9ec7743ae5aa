//! Lists and counts.

use super::filter::{Postgres, bind};
use super::row;
use super::statements::{COUNT, GROUPS, LIST};
use super::visibility_error;
use crate::filter::Condition;
use crate::postgres::database::USUAL;
use crate::postgres::error::Failure;
use crate::postgres::keys::{self, Statement, get};
use atoll_postgres::{Connections, Refusal};
use cell_visibility::{
    Attribute, Count, CountGroup, ListRequest, PAGE_BYTES, Page, PageFill, PageToken, Predicate, Value,
    VisibilityError,
};
use sqlx::postgres::PgRow;
use uuid::Uuid;

/// PostgreSQL's code for a statement that it has ended for its length.
const ENDED: &str = "57014";

/// Reads a page, of which the server sends no more than one record beyond what goes on it.
pub(super) async fn list(
    connections: &Connections,
    request: ListRequest<'_>,
) -> Result<Page, VisibilityError> {
    let condition =
        Condition::<Postgres>::after(request.predicate, request.namespace_id, request.after.as_ref());
    let rows = rows(connections, condition.complete(LIST), |statement| {
        let statement = bind(condition, statement).bind(keys::limit(request.page_size));
        statement.bind(keys::limit(PAGE_BYTES))
    });
    let rows = rows.await?;
    page(&rows, request.page_size).map_err(visibility_error)
}

fn page(rows: &[PgRow], page_size: usize) -> Result<Page, cell_store::StoreError> {
    let found: i64 = rows.first().map_or(Ok(0), |row| get(row, 21))?;
    let (mut records, mut fill) = (Vec::new(), PageFill::default());
    for row in rows {
        let record = row::read(row)?;
        if !fill.takes(record.page_bytes()) {
            break;
        }
        records.push(record);
    }
    let full = records.len() == page_size || (records.len() as i64) < found;
    let next = records.last().filter(|_| full).map(PageToken::of);
    Ok(Page { records, next })
}

pub(super) async fn count(
    connections: &Connections,
    namespace_id: Uuid,
    predicate: &Predicate,
    group_by: Option<&Attribute>,
) -> Result<Count, VisibilityError> {
    let Some(attribute) = group_by else {
        let condition = Condition::<Postgres>::new(predicate, namespace_id);
        let text = condition.complete(COUNT);
        let rows = rows(connections, text, |statement| bind(condition, statement)).await?;
        let total = rows.first().map_or(Ok(0), |row| keys::unsigned(row, 0)).map_err(visibility_error)?;
        return Ok(Count { total, groups: Vec::new() });
    };
    let condition = Condition::<Postgres>::grouped(predicate, namespace_id, attribute);
    let text = condition.complete(GROUPS);
    let rows = rows(connections, text, |statement| bind(condition, statement)).await?;
    let group = |row: &PgRow| {
        let value = row::maybe_text(row, 0, "value")?;
        Ok((value, keys::unsigned(row, 1)?))
    };
    let mut groups = rows.iter().map(group).collect::<Result<Vec<_>, _>>().map_err(visibility_error)?;
    groups.sort_unstable();
    let total = groups.iter().map(|(_, count)| count).sum();
    let group =
        |(value, count): (Option<String>, u64)| CountGroup { value: value.map(Value::Keyword), count };
    Ok(Count { total, groups: groups.into_iter().map(group).collect() })
}

/// Reads with one statement, which the server ends when it takes too long, or when its caller has gone.
async fn rows<'q>(
    connections: &Connections,
    text: String,
    bind: impl FnOnce(Statement<'q>) -> Statement<'q>,
) -> Result<Vec<PgRow>, VisibilityError> {
    let read = async {
        let mut session = connections.session().await?;
        session.begin_long_read().await?;
        let statement = bind(session.built(text));
        let rows = session.all(statement).await?;
        session.end().await?;
        Ok::<_, Failure>(rows)
    };
    connections.within(USUAL, read).await.map_err(|failure| match failure {
        Failure::Refusal(refusal) if is_ended(&refusal) => {
            VisibilityError::TooSlow(connections.limits().statement.as_secs())
        }
        failure => visibility_error(failure.into()),
    })
}

fn is_ended(refusal: &Refusal) -> bool {
    refusal.code().as_deref() == Some(ENDED)
}
