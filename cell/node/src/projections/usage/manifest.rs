//! What metering is told once of each incarnation of the cell's log: which hours it must contain, and where it begins.

use atoll_internal_api::usage::v1::CellManifest;
use atoll_object_store::{ObjectStore, ObjectStoreError};
use bytes::Bytes;
use cell_shard::{HOUR_MS, USAGE_MANIFEST};
use cell_store::{Incarnation, Incarnations, MetadataRecord, MetadataStore, PutOutcome, StoreError};
use prost::Message;
use uuid::Uuid;

/// A manifest never changes.
const VERSION: u64 = 1;

/// The manifests of a cell's incarnations, the first one first, and where they go.
pub(crate) struct Manifests(Vec<(Uuid, CellManifest)>);

impl Manifests {
    /// The manifests of these incarnations. That of the first is made at its first start and stored with the cell: the
    /// object store may be away for hours then, and must be told of these hours all the same. Those of later ones
    /// follow from how they began.
    pub(crate) async fn of(
        store: &dyn MetadataStore,
        cell_id: &str,
        region: &str,
        shard_count: u32,
        incarnations: &Incarnations,
        now_ms: i64,
    ) -> Result<Self, StoreError> {
        let mut manifests: Vec<(Uuid, CellManifest)> = Vec::new();
        for Incarnation { id, restored } in incarnations.all() {
            let mut manifest = CellManifest {
                cell_id: cell_id.to_owned(),
                incarnation: Bytes::copy_from_slice(id.as_bytes()),
                shard_count,
                region: region.to_owned(),
                ..Default::default()
            };
            match (restored, manifests.last()) {
                (Some(restored), Some((before, _))) => {
                    manifest.first_hour_start_ms = restored.first_hour_ms;
                    manifest.replaces = Bytes::copy_from_slice(before.as_bytes());
                    manifest.first_seq = restored.first_seq.clone();
                    manifest.restored_at_ms = restored.at_ms;
                }
                _ => {
                    manifest.first_hour_start_ms = now_ms - now_ms.rem_euclid(HOUR_MS);
                    manifest.first_hour_start_ms = first_hour(store, *id, &manifest).await?;
                }
            }
            manifests.push((*id, manifest));
        }
        Ok(Self(manifests))
    }

    /// Writes each unless it is there.
    pub(super) async fn write(&self, objects: &dyn ObjectStore) -> Result<(), ObjectStoreError> {
        for (incarnation, manifest) in &self.0 {
            let key = usage_object::manifest_key(&manifest.cell_id, *incarnation);
            let _there = objects.put_if_absent(&key, manifest.encode_to_vec().into()).await?;
        }
        Ok(())
    }
}

/// The first hour of the first incarnation, as its manifest was first made. Names come from the configuration, and the
/// hour from when it all began.
async fn first_hour(store: &dyn MetadataStore, id: Uuid, manifest: &CellManifest) -> Result<i64, StoreError> {
    let record = MetadataRecord {
        kind: USAGE_MANIFEST.to_owned(),
        id: id.to_string(),
        version: VERSION,
        data: manifest.encode_to_vec().into(),
    };
    if store.put(&record).await? == PutOutcome::Written {
        return Ok(manifest.first_hour_start_ms);
    }
    let stored = store.list(USAGE_MANIFEST).await?.into_iter().find(|stored| stored.id == record.id);
    let stored = stored.and_then(|stored| CellManifest::decode(stored.data).ok());
    let stored =
        stored.ok_or_else(|| StoreError::Corrupt("the stored usage manifest does not decode".to_owned()))?;
    Ok(stored.first_hour_start_ms)
}
