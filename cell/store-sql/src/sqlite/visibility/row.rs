//! Visibility records as rows.

use crate::sqlite::error::damaged;
use crate::sqlite::keys::{self, Statement};
use cell_store::StoreError;
use cell_visibility::{
    AttributeType, ExecutionRef, ExecutionStatus, PageToken, RecordId, Value, VisibilityRecord, text_tokens,
};
use sqlx::sqlite::SqliteRow;
use std::collections::BTreeSet;
use uuid::Uuid;

/// A place in the default order, as its columns ascend.
pub(super) struct Rank {
    pub(super) close: i64,
    pub(super) start: i64,
    pub(super) record_id: String,
}

impl Rank {
    pub(super) fn of(place: &PageToken) -> Rank {
        Rank { close: !place.close_order(), start: !place.start_time, record_id: place.id.to_string() }
    }
}

/// Binds the columns of the upsert.
pub(super) fn bind<'q>(
    statement: Statement<'q>,
    record: &VisibilityRecord,
) -> Result<Statement<'q>, StoreError> {
    let rank = Rank::of(&PageToken::of(record));
    let id = |of: &Option<ExecutionRef>| of.as_ref().map(|of| of.workflow_id.clone());
    let run = |of: &Option<ExecutionRef>| of.as_ref().map(|of| of.run_id.to_string());
    Ok(statement
        .bind(record.namespace_id.as_bytes().to_vec())
        .bind(rank.record_id)
        .bind(keys::integer(record.position, "position")?)
        .bind(rank.close)
        .bind(rank.start)
        .bind(record.workflow_id.clone())
        .bind(record.workflow_type.clone())
        .bind(record.task_queue.clone())
        .bind(record.status.name())
        .bind(record.start_time)
        .bind(record.execution_time)
        .bind(record.close_time)
        .bind(record.history_length)
        .bind(record.history_size_bytes)
        .bind(record.state_transition_count)
        .bind(record.execution_duration)
        .bind(id(&record.parent))
        .bind(run(&record.parent))
        .bind(id(&record.root))
        .bind(run(&record.root))
        .bind(record.division.clone())
        .bind(record.memo.to_vec()))
}

/// A record on its way from its rows.
pub(super) struct Found {
    /// The number of its row.
    pub(super) row_id: i64,
    /// Bytes of its memo.
    pub(super) memo_bytes: usize,
    pub(super) record: VisibilityRecord,
}

/// Reads a record without its memo and search attributes.
pub(super) fn read(row: &SqliteRow) -> Result<Found, StoreError> {
    let status = keys::text(row, 7)?;
    let record = VisibilityRecord {
        namespace_id: keys::uuid(row, 1)?,
        id: record_id(keys::text(row, 2)?)?,
        position: keys::unsigned(row, 3)?,
        workflow_id: keys::text(row, 4)?.to_owned(),
        workflow_type: keys::text(row, 5)?.to_owned(),
        task_queue: keys::text(row, 6)?.to_owned(),
        status: ExecutionStatus::from_name(status).ok_or_else(|| damaged("status"))?,
        start_time: keys::number(row, 8)?,
        execution_time: keys::number(row, 9)?,
        close_time: keys::maybe_number(row, 10)?,
        history_length: keys::maybe_number(row, 11)?,
        history_size_bytes: keys::maybe_number(row, 12)?,
        state_transition_count: keys::maybe_number(row, 13)?,
        execution_duration: keys::maybe_number(row, 14)?,
        parent: execution(row, 15)?,
        root: execution(row, 17)?,
        division: keys::maybe_text(row, 19)?.map(str::to_owned),
        memo: Default::default(),
        search_attributes: Default::default(),
    };
    let memo_bytes = usize::try_from(keys::number(row, 20)?).map_err(|_| damaged("memo"))?;
    Ok(Found { row_id: keys::number(row, 0)?, memo_bytes, record })
}

pub(super) fn record_id(text: &str) -> Result<RecordId, StoreError> {
    RecordId::parse(text).ok_or_else(|| damaged("record id"))
}

fn run_id(text: &str) -> Result<Uuid, StoreError> {
    Uuid::parse_str(text).map_err(|_| damaged("run id"))
}

fn execution(row: &SqliteRow, column: usize) -> Result<Option<ExecutionRef>, StoreError> {
    match (keys::maybe_text(row, column)?, keys::maybe_text(row, column + 1)?) {
        (Some(id), Some(run)) => Ok(Some(ExecutionRef { workflow_id: id.to_owned(), run_id: run_id(run)? })),
        _ => Ok(None),
    }
}

/// A row of the `attribute` table.
pub(super) struct AttributeRow<'a> {
    row_id: i64,
    record: &'a VisibilityRecord,
    name: &'a str,
    ordinal: i64,
    kind: AttributeType,
    cell: Cell<'a>,
}

enum Cell<'a> {
    Integer(i64),
    Real(f64),
    Member(&'a str),
    /// A member that stands further up in its list, too.
    Repeated(&'a str),
    Word(String),
    Whole(&'a str),
}

impl<'a> AttributeRow<'a> {
    /// The rows of a record's attributes.
    pub(super) fn of(row_id: i64, record: &'a VisibilityRecord) -> impl Iterator<Item = AttributeRow<'a>> {
        record.search_attributes.iter().flat_map(move |(name, value)| {
            let kind = value.value_type();
            let row = move |(ordinal, cell)| AttributeRow { row_id, record, name, ordinal, kind, cell };
            (0..).zip(cells(value)).map(row)
        })
    }

    pub(super) fn bind<'q>(&self, statement: Statement<'q>) -> Statement<'q> {
        let rank = Rank::of(&PageToken::of(self.record));
        let statement = statement
            .bind(self.row_id)
            .bind(self.name.to_owned())
            .bind(self.ordinal)
            .bind(self.record.namespace_id.as_bytes().to_vec())
            .bind(rank.close)
            .bind(rank.start)
            .bind(rank.record_id)
            .bind(self.kind.number());
        let (statement, whole) = match &self.cell {
            Cell::Integer(number) => (statement.bind(*number), None),
            Cell::Real(number) => (statement.bind(*number), None),
            Cell::Member(text) => (statement.bind((*text).to_owned()), None),
            Cell::Word(word) => (statement.bind(word.clone()), None),
            Cell::Whole(text) | Cell::Repeated(text) => {
                (statement.bind(None::<String>), Some((*text).to_owned()))
            }
        };
        statement.bind(whole)
    }
}

fn cells(value: &Value) -> Vec<Cell<'_>> {
    match value {
        Value::Keyword(text) => vec![Cell::Member(text)],
        Value::Int(number) | Value::Datetime(number) => vec![Cell::Integer(*number)],
        Value::Bool(truth) => vec![Cell::Integer(i64::from(*truth))],
        Value::Double(number) => vec![Cell::Real(*number)],
        Value::KeywordList(members) => {
            let mut seen = BTreeSet::new();
            let cell =
                |member| if seen.insert(member) { Cell::Member(member) } else { Cell::Repeated(member) };
            members.iter().map(String::as_str).map(cell).collect()
        }
        Value::Text(text) => {
            let words: BTreeSet<String> = text_tokens(text).collect();
            std::iter::once(Cell::Whole(text)).chain(words.into_iter().map(Cell::Word)).collect()
        }
    }
}

/// A member of a list.
fn member(row: &SqliteRow) -> Result<String, StoreError> {
    let text = keys::maybe_text(row, 3)?.or(keys::maybe_text(row, 4)?);
    text.map(str::to_owned).ok_or_else(|| damaged("member of a list"))
}

/// Reads an attribute's value from its first row; a list's further members are added to it.
pub(super) fn read_attribute(
    row: &SqliteRow,
    known: Option<&mut Value>,
) -> Result<Option<Value>, StoreError> {
    if let Some(Value::KeywordList(members)) = known {
        members.push(member(row)?);
        return Ok(None);
    }
    let kind = i32::try_from(keys::number(row, 2)?).ok().and_then(AttributeType::from_number);
    Ok(Some(match kind.ok_or_else(|| damaged("attribute type"))? {
        AttributeType::Text => Value::Text(keys::text(row, 4)?.to_owned()),
        AttributeType::Keyword => Value::Keyword(keys::text(row, 3)?.to_owned()),
        AttributeType::Int => Value::Int(keys::number(row, 3)?),
        AttributeType::Double => Value::Double(keys::real(row, 3)?),
        AttributeType::Bool => Value::Bool(keys::number(row, 3)? != 0),
        AttributeType::Datetime => Value::Datetime(keys::number(row, 3)?),
        AttributeType::KeywordList => Value::KeywordList(vec![member(row)?]),
    }))
}
