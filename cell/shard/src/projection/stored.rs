//! What lists show of entities as they are stored: for lists that were lost, and are made anew.

use crate::error::ShardError;
use crate::load::Reads;
use crate::load::stored::Stored;
use crate::memory::Resident;
use crate::quarantine::guard::caught;
use crate::quarantine::kept_steps;
use crate::runtime::ShardRuntime;
use atoll_internal_api::entity::EntityKey;
use cell_engine::{Origin, VisibilityFacts};
use cell_store::{Position, ShardId};
use std::sync::Arc;
use uuid::Uuid;

/// Entities of a namespace on one shard, in the order of their names.
#[derive(Debug, Default)]
pub struct StoredPage {
    /// What lists show of those that they show, each with the last step that this includes.
    pub facts: Vec<(EntityKey, Position, Arc<VisibilityFacts>)>,
    /// Entities whose rows cannot be used as they are.
    pub unusable: u64,
    /// The last that was looked at; none where there are no more.
    pub last: Option<EntityKey>,
}

impl ShardRuntime {
    /// Looks at entities of a namespace behind `after`, as they are stored: as many as may be read together. What is
    /// not stored yet is told to projections once it is durable, as always; what was is what the last checkpoint wrote.
    ///
    /// Of an entity that was deleted nothing is answered; nor of one that is kept aside, or whose row is damaged: it
    /// counts as unusable. Refused where memory is used up. Changes nothing.
    pub async fn stored_facts(
        &self,
        shard: ShardId,
        namespace_id: Uuid,
        after: Option<&EntityKey>,
    ) -> Result<StoredPage, ShardError> {
        self.admit_read(Origin::Worker)?;
        let names = self.store.of_namespace(shard, namespace_id, after, self.loads.at_once()).await?;
        if names.is_empty() {
            return Ok(StoredPage::default());
        }
        let wanted: Vec<(ShardId, EntityKey)> = names.into_iter().map(|key| (shard, key)).collect();
        let (rows, _charge) = self.loads.together(&wanted, Reads::ONCE).await?;
        let mut page = StoredPage::default();
        for ((_, key), stored) in wanted.into_iter().zip(rows) {
            match self.facts_of(&key, stored) {
                Ok(Some((position, facts))) => page.facts.push((key.clone(), position, Arc::new(facts))),
                Ok(None) => {}
                Err(()) => page.unusable += 1,
            }
            page.last = Some(key);
        }
        let state = self.shards[shard.0 as usize].lock_serving()?;
        let listed = page.facts.len();
        // What the row lacks is listed once the entity is served again.
        page.facts.retain(|(key, ..)| !state.table.row_lacks_steps(key));
        page.unusable += (listed - page.facts.len()) as u64;
        page.facts.retain(|(key, ..)| !state.table.deleted.contains_key(key));
        Ok(page)
    }

    /// What lists show of a stored entity, if anything; an error where nobody can tell, which is logged.
    fn facts_of(&self, key: &EntityKey, stored: Stored) -> Result<Option<(Position, VisibilityFacts)>, ()> {
        let unusable = |why: &dyn std::fmt::Display| {
            tracing::warn!(?key, %why, "lists cannot show an entity as it is stored");
        };
        let Some(row) = stored.map_err(|why| unusable(&why))? else { return Ok(None) };
        let (row, steps) = kept_steps::split(row);
        let kind = self.kinds.get(key.kind).filter(|_| steps.is_empty());
        let kind = kind.ok_or_else(|| unusable(&"its snapshot alone does not say what it is"))?;
        let position = row.position;
        let restored = caught(|| Resident::stored(kind, row)).map_err(|why| unusable(&why))?;
        let resident = restored.map_err(|why| unusable(&why))?;
        let facts = caught(|| resident.entity.visibility());
        let facts = facts.map_err(|why| unusable(&why))?;
        Ok(facts.map(|facts| (position, facts)))
    }
}
