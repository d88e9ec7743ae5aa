//! Visibility records as rows.

use super::attributes::{self, Rows};
use super::encoding;
use crate::postgres::error::damaged;
use crate::postgres::keys::{self, Statement, get};
use cell_store::StoreError;
use cell_visibility::{ExecutionRef, ExecutionStatus, PageToken, VisibilityRecord};
use sqlx::postgres::PgRow;
use uuid::Uuid;

/// A place in the default order, as its columns ascend.
pub(super) struct Rank {
    pub(super) close: i64,
    pub(super) start: i64,
    pub(super) record_id: Vec<u8>,
}

impl Rank {
    pub(super) fn of(place: &PageToken) -> Rank {
        Rank {
            close: !place.close_order(),
            start: !place.start_time,
            record_id: encoding::record_id(&place.id),
        }
    }
}

/// Records and their attributes, a column each.
#[derive(Default)]
pub(super) struct Columns<'a> {
    namespaces: Vec<Uuid>,
    ids: Vec<Vec<u8>>,
    positions: Vec<i64>,
    close_ranks: Vec<i64>,
    start_ranks: Vec<i64>,
    execution_times: Vec<i64>,
    lengths: Vec<Option<i64>>,
    sizes: Vec<Option<i64>>,
    transitions: Vec<Option<i64>>,
    durations: Vec<Option<i64>>,
    parent_runs: Vec<Option<Uuid>>,
    root_runs: Vec<Option<Uuid>>,
    statuses: Vec<&'a [u8]>,
    workflow_ids: Vec<&'a [u8]>,
    workflow_types: Vec<&'a [u8]>,
    task_queues: Vec<&'a [u8]>,
    parents: Vec<Option<&'a [u8]>>,
    roots: Vec<Option<&'a [u8]>>,
    divisions: Vec<Option<&'a [u8]>>,
    memos: Vec<&'a [u8]>,
    attributes: Vec<Vec<u8>>,
    rows: Rows<'a>,
}

fn id(of: &Option<ExecutionRef>) -> Option<&[u8]> {
    of.as_ref().map(|of| of.workflow_id.as_bytes())
}

fn run(of: &Option<ExecutionRef>) -> Option<Uuid> {
    of.as_ref().map(|of| of.run_id)
}

impl<'a> Columns<'a> {
    pub(super) fn push(&mut self, record: &'a VisibilityRecord) -> Result<(), StoreError> {
        let rank = Rank::of(&PageToken::of(record));
        self.namespaces.push(record.namespace_id);
        self.ids.push(rank.record_id);
        self.positions.push(keys::integer(record.position, "position")?);
        self.close_ranks.push(rank.close);
        self.start_ranks.push(rank.start);
        self.execution_times.push(record.execution_time);
        self.lengths.push(record.history_length);
        self.sizes.push(record.history_size_bytes);
        self.transitions.push(record.state_transition_count);
        self.durations.push(record.execution_duration);
        self.parent_runs.push(run(&record.parent));
        self.root_runs.push(run(&record.root));
        self.statuses.push(record.status.name().as_bytes());
        self.workflow_ids.push(record.workflow_id.as_bytes());
        self.workflow_types.push(record.workflow_type.as_bytes());
        self.task_queues.push(record.task_queue.as_bytes());
        self.parents.push(id(&record.parent));
        self.roots.push(id(&record.root));
        self.divisions.push(record.division.as_deref().map(str::as_bytes));
        self.memos.push(&record.memo);
        self.attributes.push(attributes::encode(&record.search_attributes));
        self.rows.push(self.namespaces.len() as i64, &record.search_attributes);
        Ok(())
    }

    /// Binds the arrays of the upsert.
    pub(super) fn bind<'q>(self, statement: Statement<'q>) -> Statement<'q>
    where
        'a: 'q,
    {
        let statement = statement
            .bind(self.namespaces)
            .bind(self.ids)
            .bind(self.positions)
            .bind(self.close_ranks)
            .bind(self.start_ranks)
            .bind(self.execution_times)
            .bind(self.lengths)
            .bind(self.sizes)
            .bind(self.transitions)
            .bind(self.durations)
            .bind(self.parent_runs)
            .bind(self.root_runs)
            .bind(self.statuses)
            .bind(self.workflow_ids)
            .bind(self.workflow_types)
            .bind(self.task_queues)
            .bind(self.parents)
            .bind(self.roots)
            .bind(self.divisions)
            .bind(self.memos)
            .bind(self.attributes);
        let Rows { numbers, kinds, names, keys, values } = self.rows;
        statement.bind(numbers).bind(kinds).bind(names).bind(keys).bind(values)
    }
}

/// Reads a record from the columns of the list.
pub(super) fn read(row: &PgRow) -> Result<VisibilityRecord, StoreError> {
    let record_id: &[u8] = get(row, 1)?;
    let (close, start): (i64, i64) = (get(row, 3)?, get(row, 4)?);
    let status = ExecutionStatus::from_name(&keys::text(row, 12, "status")?);
    Ok(VisibilityRecord {
        namespace_id: get(row, 0)?,
        id: encoding::read_record_id(record_id).ok_or_else(|| damaged("record id"))?,
        position: keys::unsigned(row, 2)?,
        close_time: (close != i64::MIN).then_some(!close),
        start_time: !start,
        execution_time: get(row, 5)?,
        history_length: get(row, 6)?,
        history_size_bytes: get(row, 7)?,
        state_transition_count: get(row, 8)?,
        execution_duration: get(row, 9)?,
        status: status.ok_or_else(|| damaged("status"))?,
        workflow_id: keys::text(row, 13, "workflow id")?,
        workflow_type: keys::text(row, 14, "workflow type")?,
        task_queue: keys::text(row, 15, "task queue")?,
        parent: execution(row, 16, 10)?,
        root: execution(row, 17, 11)?,
        division: maybe_text(row, 18, "division")?,
        memo: get::<Vec<u8>>(row, 19)?.into(),
        search_attributes: attributes::decode(get(row, 20)?)
            .ok_or_else(|| damaged("set of search attributes"))?,
    })
}

pub(super) fn maybe_text(row: &PgRow, column: usize, what: &str) -> Result<Option<String>, StoreError> {
    let bytes: Option<Vec<u8>> = get(row, column)?;
    bytes.map(|bytes| String::from_utf8(bytes).map_err(|_| damaged(what))).transpose()
}

fn execution(row: &PgRow, id: usize, run: usize) -> Result<Option<ExecutionRef>, StoreError> {
    Ok(match (maybe_text(row, id, "workflow id")?, get(row, run)?) {
        (Some(workflow_id), Some(run_id)) => Some(ExecutionRef { workflow_id, run_id }),
        _ => None,
    })
}
