//! From what is decided to what the operator API shows.

use atoll_internal_api::operator::v1 as operator;
use atoll_rpc::wire_time;

use crate::model::{Account, AuditRecord, Cell, CellState};

pub(super) fn account(account: &Account) -> operator::Account {
    operator::Account {
        id: account.id.clone(),
        name: account.name.clone(),
        create_time: Some(wire_time::from_millis(account.created_ms)),
    }
}

pub(super) fn cell(cell: &Cell) -> operator::Cell {
    let state = match cell.state() {
        CellState::Healthy => operator::CellState::Healthy,
        CellState::Draining => operator::CellState::Draining,
        CellState::Dead => operator::CellState::Dead,
    };
    operator::Cell {
        id: cell.id.clone(),
        region: cell.region.clone(),
        frontend_address: cell.frontend.clone(),
        admin_address: cell.admin.clone(),
        state: state.into(),
        capacity: cell.capacity,
        namespaces: cell.namespaces,
        problems: cell.problems.clone(),
        last_seen_time: cell.last_seen_ms.map(wire_time::from_millis),
        draining: cell.draining,
    }
}

pub(super) fn audit_record(record: &AuditRecord) -> operator::AuditRecord {
    let entry = record.entry.clone();
    operator::AuditRecord {
        id: record.id,
        time: Some(wire_time::from_millis(entry.time_ms)),
        account_id: entry.account_id,
        actor: entry.actor,
        key_id: entry.key_id,
        action: entry.action,
        resource: entry.resource,
        async_operation_id: entry.operation_id,
    }
}
