//! What was billed for an entity, as its stored row and the steps beside it say.

use crate::quarantine::kept_steps;
use atoll_internal_api::log::v1::KeptStep;
use atoll_internal_api::usage::v1::usage_entry::Kind;
use atoll_internal_api::usage::v1::{StorageClass, UsageEntry};
use cell_store::EntityRow;
use uuid::Uuid;

/// History bytes that are billed, by the storage that they are in. What was billed with a step stands in the step.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Billed {
    active: i64,
    retained: i64,
}

impl Billed {
    /// What was billed for an entity as it is stored: with its snapshot and with every step beside it. Steps that
    /// cannot be read do not count.
    pub(crate) fn of(stored: Option<EntityRow>) -> Self {
        stored.map(kept_steps::split).map(|(row, steps)| Self::with(&row, steps)).unwrap_or_default()
    }

    /// What was billed with a snapshot and with these steps.
    pub(crate) fn with(row: &EntityRow, steps: Vec<KeptStep>) -> Self {
        let mut billed = Self::default();
        let class = if row.closed { StorageClass::Retained } else { StorageClass::Active };
        billed.add(class, i64::try_from(row.billed_bytes).unwrap_or(i64::MAX));
        let transitions = steps.into_iter().filter_map(|step| step.transition);
        for entry in transitions.flat_map(|transition| transition.usage) {
            if let Some(Kind::Storage(delta)) = &entry.kind {
                billed.add(delta.class(), delta.bytes);
            }
        }
        billed
    }

    fn add(&mut self, class: StorageClass, bytes: i64) {
        match class {
            StorageClass::Active => self.active += bytes,
            StorageClass::Retained => self.retained += bytes,
            StorageClass::Unspecified => {}
        }
    }

    /// All of it.
    pub(crate) fn bytes(&self) -> u64 {
        unsigned(self.active) + unsigned(self.retained)
    }

    /// The usage of a deletion at this moment (Unix milliseconds): exactly what was put on is taken off.
    pub(crate) fn removed(&self, namespace_id: Uuid, at_ms: i64) -> Vec<UsageEntry> {
        let removed = |(closed, bytes)| metering_rules::storage_removed(namespace_id, closed, bytes, at_ms);
        let of_each = [(false, unsigned(self.active)), (true, unsigned(self.retained))];
        of_each.into_iter().filter(|(_, bytes)| *bytes > 0).map(removed).collect()
    }
}

fn unsigned(bytes: i64) -> u64 {
    u64::try_from(bytes).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_was_billed_is_of_both_storages_and_never_less_than_nothing() {
        assert_eq!(Billed { active: 3, retained: 4 }.bytes(), 7);
        assert_eq!(Billed { active: -3, retained: 4 }.bytes(), 4);
    }
}
