//! Namespace divisions: what a cell lists beside workflows.

use atoll_internal_api::entity::{LISTED, Listed};

/// What stands before an entity's id in the workflow id of its record in that division.
pub fn workflow_id_prefix(division: &str) -> &'static str {
    LISTED.iter().find(|kind| kind.division == division).map_or("", |kind| kind.workflow_id_prefix)
}

/// The kind of entity whose id has this name in filters.
pub(crate) fn with_id_attribute(name: &str) -> Option<&'static Listed> {
    LISTED.iter().find(|kind| kind.id_attribute == name)
}
