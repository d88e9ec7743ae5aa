//! What a cell lists beside workflows: one row a kind of entity.

use atoll_internal_api::schedules;

/// A namespace division: what a list hides unless its filter mentions divisions.
#[derive(Debug)]
pub struct Division {
    /// The value of `TemporalNamespaceDivision`.
    pub name: &'static str,
    /// What stands before an entity's id in the workflow id of its record, so that it and a workflow of one name do not
    /// meet.
    pub workflow_id_prefix: &'static str,
    /// The name by which filters know the id without its prefix.
    pub id_attribute: &'static str,
}

/// The divisions there are.
pub const DIVISIONS: &[Division] = &[Division {
    name: schedules::DIVISION,
    workflow_id_prefix: schedules::WORKFLOW_ID_PREFIX,
    id_attribute: "ScheduleId",
}];

/// What stands before an entity's id in the workflow id of its record in that division.
pub fn workflow_id_prefix(division: &str) -> &'static str {
    DIVISIONS.iter().find(|known| known.name == division).map_or("", |known| known.workflow_id_prefix)
}

/// The division whose entities' id has this name in filters.
pub(crate) fn with_id_attribute(name: &str) -> Option<&'static Division> {
    DIVISIONS.iter().find(|division| division.id_attribute == name)
}
