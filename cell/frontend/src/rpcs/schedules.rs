//! Schedules as lists show them: which filters may be asked, and what a record is to clients.

pub(crate) mod validate;

use crate::namespaces::Namespace;
use crate::schema;
use atoll_api::call::Status;
use atoll_api::temporal::api::common::v1::Memo;
use atoll_api::temporal::api::schedule::v1::{ScheduleListEntry, ScheduleListInfo};
use atoll_internal_api::entity::schedules::{DIVISION, LIST_INFO, PAUSED, WORKFLOW_ID_PREFIX, list_info};
use cell_visibility::{
    CompareOp, CountQuery, ExecutionStatus, FilterError, Predicate, Schema, Scope, SystemField, Value,
    VisibilityRecord, encode_search_attributes, is_reserved, parse,
};
use prost::Message;
use prost_types::Timestamp;
use schedule_spec::shown;

/// Coming times that a row shows. Its record holds more, so that it need not be written anew when one passes.
const FUTURE_LISTED: usize = 5;

/// Search attributes of every record that say nothing of a schedule.
const NOT_SHOWN: [&str; 3] = [PAUSED, "BinaryChecksums", "BuildIds"];

/// The filter of a list: schedules that exist, and what the text says of them.
pub(crate) fn compile(namespace: &Namespace, text: &str) -> Result<Predicate, Status> {
    let query = |schema: &Schema| cell_visibility::compile(text, schema, Scope::Division(DIVISION));
    checked(namespace, text, query).map(existing)
}

/// As [`compile`], of a count.
pub(crate) fn compile_count(namespace: &Namespace, text: &str) -> Result<CountQuery, Status> {
    let query = |schema: &Schema| cell_visibility::compile_count(text, schema, Scope::Division(DIVISION));
    let query = checked(namespace, text, query)?;
    Ok(CountQuery { predicate: existing(query.predicate), ..query })
}

/// A deleted schedule stands among the division's records until retention takes it.
fn existing(filter: Predicate) -> Predicate {
    let running = Value::Keyword(ExecutionStatus::Running.name().to_owned());
    Predicate::compare(SystemField::ExecutionStatus, CompareOp::Equal, running).and(filter)
}

/// Compiles a filter that names nothing but `ScheduleId`, custom attributes and whether a schedule is paused:
/// everything else is about the record, not about the schedule.
fn checked<Q>(
    namespace: &Namespace,
    text: &str,
    compile: impl FnOnce(&Schema) -> Result<Q, FilterError>,
) -> Result<Q, Status> {
    let bad = |error: FilterError| Status::invalid_argument(error.to_string());
    let schema = schema::of(namespace);
    let query = parse(text).map_err(bad)?;
    let names = query.names();
    if let Some(name) = names.iter().find(|name| !schema.knows(name)) {
        return Err(Status::invalid_argument(schema::unmapped(namespace, name)));
    }
    if let Some(name) = names.iter().find(|name| is_reserved(name) && **name != PAUSED) {
        return Err(Status::invalid_argument(format!(
            "invalid query filter for schedules: cannot filter on \"{name}\""
        )));
    }
    compile(&schema).map_err(bad)
}

/// A row of a list, as it is `now`.
pub(crate) fn entry(mut record: VisibilityRecord, now: &Timestamp) -> Result<ScheduleListEntry, Status> {
    let mut memo = Memo::decode(record.memo).map_err(|_| Status::data_loss("a memo is damaged"))?;
    let info = memo.fields.remove(LIST_INFO).as_ref().and_then(list_info);
    record.search_attributes.retain(|name, _| !NOT_SHOWN.contains(&name.as_str()));
    let attributes = encode_search_attributes(&record.search_attributes);
    let schedule_id = record.workflow_id.strip_prefix(WORKFLOW_ID_PREFIX).unwrap_or(&record.workflow_id);
    Ok(ScheduleListEntry {
        schedule_id: schedule_id.to_owned(),
        memo: (!memo.fields.is_empty()).then_some(memo),
        search_attributes: (!attributes.indexed_fields.is_empty()).then_some(attributes),
        info: info.map(|info| shown_info(info, now)),
    })
}

/// What a row shows of what its record holds. The times of a pause do not pass: they are those before it.
fn shown_info(mut info: ScheduleListInfo, now: &Timestamp) -> ScheduleListInfo {
    let after = |time: &Timestamp| (time.seconds, time.nanos) > (now.seconds, now.nanos);
    let paused = info.paused;
    info.future_action_times.retain(|time| paused || after(time));
    info.future_action_times.truncate(FUTURE_LISTED);
    ScheduleListInfo { spec: info.spec.map(shown), ..info }
}
