//! What logs cost, computed entry by entry and hour by hour: slow, and simple enough to be believed.

use std::collections::BTreeMap;

use atoll_internal_api::usage::v1::usage_entry::Kind as EntryKind;
use atoll_internal_api::usage::v1::{ActionType, StorageClass};
use uuid::Uuid;

use super::log::{Log, owner_generation};
use crate::hour::{HOUR_MS, start_of};

/// Hour, namespace, kind, action type, project: the quantity.
pub(crate) type Plain = BTreeMap<(i64, Uuid, String, String, String), i128>;

/// The cube of these logs, with hours that are not sealed up to the last row's time.
pub(crate) fn expected(logs: &[Log]) -> Plain {
    let mut cube = Plain::new();
    for log in logs {
        actions(log, &mut cube);
        storage(log, &mut cube);
    }
    cube.retain(|_, quantity| *quantity != 0);
    cube
}

fn project(generation: u64) -> String {
    format!("project-{generation}")
}

fn actions(log: &Log, cube: &mut Plain) {
    for (seq, row) in log.numbered() {
        for entry in &row.entries {
            let Some(EntryKind::Actions(actions)) = &entry.kind else { continue };
            let name = ActionType::try_from(actions.r#type).unwrap().as_str_name();
            let name = name.strip_prefix("ACTION_TYPE_").unwrap().to_lowercase();
            let id = Uuid::from_slice(&entry.namespace_id).unwrap();
            let key =
                (start_of(entry.at_ms), id, "actions".to_owned(), name, project(owner_generation(log, seq)));
            *cube.entry(key).or_default() += i128::from(actions.count);
        }
    }
}

fn storage(log: &Log, cube: &mut Plain) {
    let told = log.rows.last().unwrap().at_ms;
    for row in &log.rows {
        for entry in &row.entries {
            let Some(EntryKind::Storage(delta)) = &entry.kind else { continue };
            let kind = match delta.class() {
                StorageClass::Active => "active_storage",
                _ => "retained_storage",
            };
            let id = Uuid::from_slice(&entry.namespace_id).unwrap();
            let mut hour = start_of(entry.at_ms);
            while hour <= told {
                let (end, project) = match sealed_by(log, hour) {
                    Some(seal) => (hour + HOUR_MS, project(generation_known(log, id, seal))),
                    None => (told.min(hour + HOUR_MS), project(generation_known(log, id, log.end()))),
                };
                let stands = end - entry.at_ms.max(hour);
                let key = (hour, id, kind.to_owned(), String::new(), project);
                *cube.entry(key).or_default() += i128::from(delta.bytes) * i128::from(stands);
                hour += HOUR_MS;
            }
        }
    }
}

/// The row that seals the hour.
fn sealed_by(log: &Log, hour: i64) -> Option<u64> {
    log.numbered().find(|(_, row)| row.seals == Some(hour)).map(|(seq, _)| seq)
}

/// The generation under which the namespace's last entry before this row was written.
fn generation_known(log: &Log, id: Uuid, before: u64) -> u64 {
    let of_namespace = |(_, row): &(u64, &super::Row)| {
        row.entries.iter().any(|entry| entry.namespace_id.as_ref() == id.as_bytes())
    };
    let last = log.numbered().take_while(|(seq, _)| *seq < before).filter(of_namespace).last();
    owner_generation(log, last.unwrap().0)
}
