//! Makes lists anew from what shards store.
//!
//! One call looks at some shards of some namespaces, in order, and says where to go on: whoever calls can stop, or go
//! on after a failure of either store, where it was. Entities that change meanwhile are listed as always; the store
//! keeps the newer of two entries of one entity. What a shard that is not served stores may be behind its log: it is
//! waited for, or passed over and named where the caller waits no longer.

use super::Admin;
use crate::projections::{decode_key, encode_key};
use crate::status::{shards_status, visibility_status};
use atoll_api::call::Status;
use atoll_internal_api::cell::v1 as cell;
use atoll_internal_api::entity::EntityKey;
use bytes::Bytes;
use cell_shard::{ShardError, StoredPage};
use cell_store::ShardId;
use std::collections::BTreeSet;
use uuid::Uuid;

/// Entities after which a call ends.
const ENTITIES: usize = 500;
/// Reads of names after which a call ends: a cell may have many namespaces with nothing in most of its shards.
const READS: usize = 100;

/// Where to go on.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Place {
    shard: ShardId,
    namespace_id: Uuid,
    /// Behind this entity of that namespace.
    after: Option<EntityKey>,
}

impl Place {
    fn at_shard(shard: u32) -> Self {
        Self { shard: ShardId(shard), namespace_id: Uuid::nil(), after: None }
    }

    /// Here, or where the next namespace that there is begins; none behind the last of the last shard.
    fn settle(self, namespaces: &BTreeSet<Uuid>, shards: u32) -> Option<Self> {
        if self.shard.0 >= shards {
            return None;
        }
        match namespaces.range(self.namespace_id..).next() {
            Some(id) if *id == self.namespace_id => Some(self),
            Some(id) => Some(Self { namespace_id: *id, after: None, ..self }),
            None => {
                let namespace_id = *namespaces.first()?;
                let next = Self::at_shard(self.shard.0 + 1);
                (next.shard.0 < shards).then_some(Self { namespace_id, ..next })
            }
        }
    }

    /// Behind everything of this namespace on this shard.
    fn behind_namespace(self) -> Self {
        match self.namespace_id.as_u128().checked_add(1) {
            Some(id) => Self { namespace_id: Uuid::from_u128(id), after: None, ..self },
            None => Self::at_shard(self.shard.0 + 1),
        }
    }

    fn encode(&self) -> Bytes {
        let after = self.after.as_ref().map(encode_key).unwrap_or_default();
        [&self.shard.0.to_be_bytes()[..], self.namespace_id.as_bytes(), &after].concat().into()
    }

    /// Reads a token; none where it is not one that was given out for so many shards.
    fn decode(token: &Bytes, shards: u32) -> Option<Self> {
        let (shard, rest) = token.split_first_chunk::<4>()?;
        let (namespace_id, after) = rest.split_first_chunk::<16>()?;
        let (shard, namespace_id) = (ShardId(u32::from_be_bytes(*shard)), Uuid::from_bytes(*namespace_id));
        let after = match after {
            [] => None,
            after => {
                Some(decode_key(&token.slice_ref(after)).filter(|key| key.namespace_id == namespace_id)?)
            }
        };
        (shard.0 < shards).then_some(Self { shard, namespace_id, after })
    }
}

impl Admin {
    pub(super) async fn rebuild_page(
        &self,
        request: &cell::RebuildVisibilityRequest,
    ) -> Result<cell::RebuildVisibilityResponse, Status> {
        let shard_count = self.shards.identity().shard_count;
        let mut answer = cell::RebuildVisibilityResponse { shard_count, ..Default::default() };
        if request.page_token.is_empty() {
            // What stands in the log alone is stored then.
            self.shards.checkpoint_all().await.map_err(shards_status)?;
            answer.next_page_token = Place::at_shard(0).encode();
            return Ok(answer);
        }
        let place = Place::decode(&request.page_token, shard_count);
        let mut place =
            place.ok_or_else(|| Status::invalid_argument("page_token is not one of this call's"))?;
        let namespaces: BTreeSet<Uuid> = self.registry.all().iter().map(|namespace| namespace.id).collect();
        let (mut entities, mut reads) = (0, 0);
        while entities < ENTITIES && reads < READS && place.shard.0 < shard_count {
            let Some(here) = place.settle(&namespaces, shard_count) else {
                place = Place::at_shard(shard_count);
                break;
            };
            let page = self.shards.stored_facts(here.shard, here.namespace_id, here.after.as_ref()).await;
            let StoredPage { facts, unusable, last } = match page {
                Err(ShardError::NotOwner(shard)) if request.pass_over_unserved => {
                    answer.passed_over.push(shard.0);
                    place = Place::at_shard(shard.0 + 1);
                    continue;
                }
                page => page.map_err(shards_status)?,
            };
            let count = facts.len();
            let refused = self.visibility.rewrite(facts).await.map_err(visibility_status)?;
            answer.written += count as u64 - refused;
            answer.left_out += unusable + refused;
            (entities, reads) = (entities + count, reads + 1);
            place = match last {
                Some(_) => Place { after: last, ..here },
                None => here.behind_namespace(),
            };
        }
        answer.shard = place.shard.0;
        if place.shard.0 < shard_count {
            answer.next_page_token = place.encode();
        }
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_lead_through_every_namespace_of_every_shard() {
        let namespaces = [3, 7, u128::MAX].map(Uuid::from_u128);
        let (mut place, mut seen) = (Some(Place::at_shard(0)), Vec::new());
        while let Some(here) = place.and_then(|place| place.settle(&namespaces.into(), 2)) {
            seen.push((here.shard.0, here.namespace_id));
            place = Some(here.behind_namespace());
        }
        let expected = (0..2).flat_map(|shard| namespaces.map(|id| (shard, id)));
        assert!(seen.iter().copied().eq(expected), "{seen:?}");
        assert_eq!(Place::at_shard(0).settle(&BTreeSet::new(), 2), None);
        // A namespace that goes meanwhile is passed over, with the place in it.
        let gone = Place {
            namespace_id: Uuid::from_u128(5),
            after: Some(EntityKey::current_run(Uuid::from_u128(5), "w")),
            ..Place::at_shard(1)
        };
        let next = gone.settle(&namespaces.into(), 2).expect("there is a next one");
        assert_eq!(next, Place { namespace_id: namespaces[1], ..Place::at_shard(1) });
    }

    #[test]
    fn a_place_survives_its_token_and_others_are_refused() {
        let namespace_id = Uuid::from_u128(7);
        let place = Place { shard: ShardId(3), namespace_id, after: None };
        assert_eq!(Place::decode(&place.encode(), 4).as_ref(), Some(&place));
        assert_eq!(Place::decode(&place.encode(), 3), None, "there is no such shard");
        let after = Some(EntityKey::run(namespace_id, "w\u{e9}", Uuid::from_u128(9)));
        let place = Place { after, ..place };
        assert_eq!(Place::decode(&place.encode(), 4).as_ref(), Some(&place));
        let elsewhere = Place { namespace_id: Uuid::from_u128(8), ..place.clone() };
        assert_eq!(Place::decode(&elsewhere.encode(), 4), None, "an entity of another namespace");
        for cut in [1, 3, 4, 19, 21, 30, 52] {
            assert_eq!(Place::decode(&place.encode().slice(..cut), 4), None, "the first {cut} bytes");
        }
    }
}
