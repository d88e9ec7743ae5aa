//! Pending items with attributes that never change and may be large.

use super::chunks::is_large;
use atoll_internal_api::state::v1::{Activity, Child};

/// Something pending whose attributes stand in a chunk of their own where they are large.
pub(super) trait Attributed: Clone {
    /// Whether they are.
    fn has_large_attributes(&self) -> bool;

    /// Its id and attributes alone.
    fn attributes(&self) -> Self;

    /// What a chunk that it shares with others holds of it.
    fn shared(&self) -> Self;

    /// Takes over the attributes that stood apart.
    fn adopt(&mut self, attributes: Self);
}

impl Attributed for Activity {
    fn has_large_attributes(&self) -> bool {
        self.scheduled.as_ref().is_some_and(is_large)
    }

    fn attributes(&self) -> Self {
        let scheduled_event_id = self.scheduled_event_id;
        Self { scheduled_event_id, scheduled: self.scheduled.clone(), ..Default::default() }
    }

    fn shared(&self) -> Self {
        let mut shared = self.clone();
        shared.scheduled.take_if(|scheduled| is_large(scheduled));
        shared
    }

    fn adopt(&mut self, attributes: Self) {
        self.scheduled = attributes.scheduled;
    }
}

impl Attributed for Child {
    fn has_large_attributes(&self) -> bool {
        self.initiated.as_ref().is_some_and(is_large)
    }

    fn attributes(&self) -> Self {
        let initiated_event_id = self.initiated_event_id;
        Self { initiated_event_id, initiated: self.initiated.clone(), ..Default::default() }
    }

    fn shared(&self) -> Self {
        let mut shared = self.clone();
        shared.initiated.take_if(|initiated| is_large(initiated));
        shared
    }

    fn adopt(&mut self, attributes: Self) {
        self.initiated = attributes.initiated;
    }
}
