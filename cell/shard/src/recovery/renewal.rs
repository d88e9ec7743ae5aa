//! A new incarnation of a log, for a store that was restored or lost its end.
//!
//! Where the log goes on is what the store holds; everything that was written behind it and is gone is left to the
//! incarnation that wrote it. Nobody serves the cell meanwhile. Each shard is acquired first, so that no earlier owner
//! that may still be there gets another row in.

use super::found::Found;
use crate::time::HOUR_MS;
use atoll_internal_api::log::v1::record::ShardFact;
use atoll_internal_api::usage::v1::CellManifest;
use cell_engine::Registry;
use cell_store::{Incarnations, Restored, ShardId, StoreError, StoreIdentity, Stores};
use prost::Message;
use uuid::Uuid;

/// Kind of the configuration record that says which hours metering was told of when the cell began: a `CellManifest`,
/// under the id of the first incarnation.
pub const USAGE_MANIFEST: &str = "usage_manifest";

/// A new incarnation, and what it goes on from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Renewed {
    /// The incarnation before it.
    pub replaces: Uuid,
    /// The new one.
    pub id: Uuid,
    /// Where it begins.
    pub restored: Restored,
}

/// Has the log of a cell that nobody serves go on as a new incarnation. `stores` hold a cell.
///
/// Its rows begin behind each shard's last one, and its time at `wall_ms`, Unix milliseconds, or at what the log says,
/// whichever is later. It
/// is there whole or not at all, whatever becomes of this call. Each call makes one: whether the last one has written
/// anything cannot be seen in a store that may be a copy. One that writes nothing asks for no usage, and is in nobody's
/// way.
///
/// Errors: `Corrupt` where the log of a shard is damaged; then nothing has begun.
pub async fn renew(stores: &Stores, id: Uuid, wall_ms: i64) -> Result<Renewed, StoreError> {
    let identity = stores.shards.open(1, id).await?;
    let mut incarnations = Incarnations::load(&*stores.metadata, identity).await?;
    let replaces = incarnations.current();
    let first_hour_ms = first_hour(stores, &incarnations).await?;
    let restored = restored(stores, identity, first_hour_ms, wall_ms).await?;
    incarnations.begin(&*stores.metadata, id, restored.clone()).await?;
    Ok(Renewed { replaces, id, restored })
}

/// Where the log ends; one shard after the other, so that no more than one tail is in memory.
///
/// A shard that has sealed nothing seals from `first_hour_ms` on; from the hour on in which it begins where nobody was
/// told of an hour yet.
async fn restored(
    stores: &Stores,
    identity: StoreIdentity,
    first_hour_ms: Option<i64>,
    wall_ms: i64,
) -> Result<Restored, StoreError> {
    let kinds = Registry::default();
    let (mut first_seq, mut at_ms) = (Vec::new(), wall_ms);
    let mut sealed = Vec::new();
    for shard in (0..identity.shard_count).map(ShardId) {
        let acquired = stores.shards.acquire(&[shard]).await?.pop();
        let acquired = acquired.ok_or_else(|| StoreError::Corrupt(format!("no answer for shard {shard}")))?;
        first_seq.push(acquired.last_seq + 1);
        let found = Found::read(acquired, &kinds)?;
        at_ms = at_ms.max(found.time().millis_up());
        sealed.push(sealed_hour(&found));
    }
    let this_hour = at_ms - at_ms.rem_euclid(HOUR_MS);
    let first_hour_ms = first_hour_ms.unwrap_or(this_hour);
    let unsealed = sealed.into_iter().map(|sealed| sealed.map_or(first_hour_ms, |hour| hour + HOUR_MS));
    Ok(Restored { first_seq, at_ms, first_hour_ms: unsealed.min().unwrap_or(first_hour_ms) })
}

/// The first hour that the incarnation before must seal; none where it is the first, and metering is told of none.
async fn first_hour(stores: &Stores, incarnations: &Incarnations) -> Result<Option<i64>, StoreError> {
    let Some(before) = incarnations.all().last() else { return Ok(None) };
    if let Some(restored) = &before.restored {
        return Ok(Some(restored.first_hour_ms));
    }
    let manifests = stores.metadata.list(USAGE_MANIFEST).await?;
    let Some(stored) = manifests.into_iter().find(|stored| stored.id == before.id.to_string()) else {
        return Ok(None);
    };
    let manifest = CellManifest::decode(stored.data)
        .map_err(|_| StoreError::Corrupt("the stored usage manifest does not decode".to_owned()))?;
    Ok(Some(manifest.first_hour_start_ms))
}

/// Start of the last hour that a shard has sealed.
fn sealed_hour(found: &Found) -> Option<i64> {
    let records = found.tail.iter().flat_map(|(_, batch)| &batch.records);
    let seals = records.filter_map(|record| match &record.shard_fact {
        Some(ShardFact::HourSealed(seal)) => Some(seal.hour_start_ms),
        _ => None,
    });
    seals.chain(found.checkpoint.sealed_hour_ms).max()
}
