//! What metering is told once of this life of the cell's log: which hours it must contain.

use atoll_internal_api::usage::v1::CellManifest;
use atoll_object_store::{ObjectStore, ObjectStoreError};
use bytes::Bytes;
use cell_shard::HOUR_MS;
use cell_store::{MetadataRecord, MetadataStore, PutOutcome, StoreError, StoreIdentity};
use prost::Message;

/// Kind of the record in the cell's configuration.
const KIND: &str = "usage_manifest";
/// A manifest never changes.
const VERSION: u64 = 1;

/// A cell's manifest as it was first made, and where it goes.
pub(crate) struct Manifest {
    manifest: CellManifest,
}

impl Manifest {
    /// The manifest of this incarnation, made at its first start and stored with the cell: the object store may be away
    /// for hours then, and must be told of these hours all the same.
    pub(crate) async fn of(
        store: &dyn MetadataStore,
        cell_id: &str,
        region: &str,
        identity: StoreIdentity,
        now_ms: i64,
    ) -> Result<Self, StoreError> {
        let manifest = CellManifest {
            cell_id: cell_id.to_owned(),
            incarnation: Bytes::copy_from_slice(identity.incarnation.as_bytes()),
            shard_count: identity.shard_count,
            first_hour_start_ms: now_ms - now_ms.rem_euclid(HOUR_MS),
            region: region.to_owned(),
            ..CellManifest::default()
        };
        let record = MetadataRecord {
            kind: KIND.to_owned(),
            id: identity.incarnation.to_string(),
            version: VERSION,
            data: manifest.encode_to_vec().into(),
        };
        if store.put(&record).await? == PutOutcome::Written {
            return Ok(Self { manifest });
        }
        let stored = store.list(KIND).await?.into_iter().find(|stored| stored.id == record.id);
        let stored = stored.and_then(|stored| CellManifest::decode(stored.data).ok());
        let first_hour_start_ms = stored
            .ok_or_else(|| StoreError::Corrupt("the stored usage manifest does not decode".to_owned()))?
            .first_hour_start_ms;
        // Names come from the configuration, and the hour from when it all began.
        Ok(Self { manifest: CellManifest { first_hour_start_ms, ..manifest } })
    }

    /// Writes it unless it is there.
    pub(super) async fn write(
        &self,
        objects: &dyn ObjectStore,
        identity: StoreIdentity,
    ) -> Result<(), ObjectStoreError> {
        let key = usage_object::manifest_key(&self.manifest.cell_id, identity.incarnation);
        objects.put_if_absent(&key, self.manifest.encode_to_vec().into()).await.map(drop)
    }
}
