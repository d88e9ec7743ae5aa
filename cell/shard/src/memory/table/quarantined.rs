//! Entities that are kept aside.

use super::EntityTable;
use crate::memory::resident::Slot;
use atoll_internal_api::entity::EntityKey;
use cell_engine::Time;
use uuid::Uuid;

/// What is known of an entity that is kept aside.
#[derive(Clone, Debug)]
pub(crate) struct QuarantinedState {
    /// First log row that its stored row does not include: the trim stops there until what follows stands in that row
    /// too, or apart from it.
    pub(crate) needs_log_from: Option<u64>,
    /// Whether its stored row may be of an earlier entity of this name, which was deleted.
    pub(crate) reborn: bool,
    /// Why what the log holds of it could go neither to that row nor apart from it. It is tried again when an operator
    /// asks, and by the next owner.
    pub(crate) unkept: Option<String>,
    /// What the engine or the store said.
    pub(crate) why: String,
    /// When that was.
    pub(crate) since: Time,
}

impl EntityTable {
    /// Keeps an entity's stored bytes and serves it no more until a person has looked.
    /// `kept` names the log row that its stored snapshot does not include, if it was clean and there is one.
    pub(crate) fn quarantine(&mut self, key: &EntityKey, mut kept: QuarantinedState) {
        if let Some(core) = self.get(key).map(|resident| &resident.core) {
            kept.needs_log_from = core.first_dirty.or(kept.needs_log_from);
            kept.reborn = core.reborn;
        }
        // One that the log deletes and then makes anew: the rows that stand go with the first write of the new one's.
        if kept.needs_log_from.is_some()
            && let Some(gone) = self.deleted.remove(key)
        {
            kept.reborn = true;
            kept.needs_log_from =
                kept.needs_log_from.into_iter().chain(gone.first_dirty).chain(gone.seq).min();
        }
        self.take_out(key);
        if !matches!(self.slots.insert(key.clone(), Slot::Quarantined), Some(Slot::Quarantined)) {
            self.quarantines.increment(1);
        }
        let needs = kept.needs_log_from;
        // What was found first is what matters.
        let known = self.quarantined.entry(key.clone()).or_insert(kept);
        known.needs_log_from = known.needs_log_from.into_iter().chain(needs).min();
    }

    /// What the log holds from this row on of an entity that is kept aside stands in its row too, or apart from it.
    pub(crate) fn needs_no_log(&mut self, key: &EntityKey, from_seq: u64) {
        if let Some(kept) = self.quarantined.get_mut(key)
            && kept.needs_log_from == Some(from_seq)
        {
            (kept.needs_log_from, kept.reborn, kept.unkept) = (None, false, None);
            self.unremoved.gone(key);
        }
    }

    /// What the log holds of an entity that is kept aside can go nowhere else: it stays in the log.
    pub(crate) fn cannot_keep(&mut self, key: &EntityKey, why: &str) {
        if let Some(kept) = self.quarantined.get_mut(key) {
            kept.unkept = Some(why.to_owned());
        }
    }

    /// Whether some entity holds the log, which grows until a person has looked.
    pub(crate) fn has_unkept(&self) -> bool {
        self.quarantined.values().any(|kept| kept.unkept.is_some())
    }

    /// What a person should know of entities that hold the log, of which so many bytes stand.
    pub(crate) fn unkept_problem(&self, log_bytes: usize) -> Option<String> {
        let mut unkept = self.quarantined.iter().filter_map(|(key, kept)| Some((key, kept.unkept.as_ref()?)));
        let (key, why) = unkept.next()?;
        let (count, id) = (1 + unkept.count(), &key.id);
        Some(format!(
            "{log_bytes} bytes of log are kept for {count} entities that are kept aside, of {id:?} for one: {why}"
        ))
    }

    /// Whether an entity is kept aside of which the log, or what stands apart, holds more than its row.
    pub(crate) fn row_lacks_steps(&self, key: &EntityKey) -> bool {
        let needs_log = self.quarantined.get(key).is_some_and(|kept| kept.needs_log_from.is_some());
        needs_log || self.apart.is_of(key)
    }

    /// Whether an entity of the namespace is kept aside of which more stands than its row holds, if it has one.
    pub(crate) fn rows_lack_steps_in(&self, namespace_id: Uuid) -> bool {
        let kept = self.quarantined.iter().filter(|(_, kept)| kept.needs_log_from.is_some());
        let mut lacking = kept.map(|(key, _)| key).chain(self.apart.entities());
        lacking.any(|key| key.namespace_id == namespace_id)
    }

    /// Entities that are kept aside, in the order of their names.
    pub(crate) fn quarantined(&self) -> impl Iterator<Item = (&EntityKey, &QuarantinedState)> {
        self.quarantined.iter()
    }
}
