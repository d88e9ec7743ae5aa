//! What operators ask of entities that are kept aside.

mod show;

pub(super) use show::show;

use crate::status::status;
use atoll_api::call::Status;
use atoll_internal_api::cell::v1 as cell;
use atoll_internal_api::entity::{EntityKey, EntityKind};
use bytes::Bytes;
use cell_shard::{Quarantined, ShardError, ShardRuntime, Target};
use std::sync::Arc;
use uuid::Uuid;

/// Entities of one answer.
const MOST: u32 = 1_000;

pub(super) fn list(
    shards: &ShardRuntime,
    request: &cell::ListQuarantinedRequest,
) -> cell::ListQuarantinedResponse {
    let limit = if request.limit == 0 { MOST } else { request.limit.min(MOST) };
    let id = Some(request.id.as_str()).filter(|id| !id.is_empty());
    let (entities, count) = shards.quarantined(id, limit as usize);
    cell::ListQuarantinedResponse { entities: entities.iter().map(entity_of).collect(), count }
}

pub(super) async fn retry(
    shards: &Arc<ShardRuntime>,
    request: cell::RetryQuarantinedRequest,
) -> Result<cell::RetryQuarantinedResponse, Status> {
    let key = key_of(request.entity)?;
    let served = shards.retry_quarantined(&key).await.map_err(|error| refused(error, &key))?;
    Ok(cell::RetryQuarantinedResponse { served })
}

pub(super) async fn drop(
    shards: &ShardRuntime,
    request: cell::DropQuarantinedRequest,
) -> Result<cell::DropQuarantinedResponse, Status> {
    let key = key_of(request.entity)?;
    let dropped = if request.even_unread {
        shards.drop_unread(&key).await
    } else {
        shards.drop_quarantined(&key).await
    };
    dropped.map_err(|error| refused(error, &key))?;
    Ok(cell::DropQuarantinedResponse {})
}

fn refused(error: ShardError, key: &EntityKey) -> Status {
    status(error, &Target::run(key.namespace_id, Arc::clone(&key.id), key.run_id))
}

fn entity_of(entity: &Quarantined) -> cell::QuarantinedEntity {
    let Quarantined { shard, key, why, since, needs_log_from } = entity;
    cell::QuarantinedEntity {
        shard: shard.0,
        kind: u32::from(key.kind.number()),
        namespace_id: Bytes::copy_from_slice(key.namespace_id.as_bytes()),
        id: key.id.to_string(),
        run_id: Bytes::copy_from_slice(key.run_id.as_bytes()),
        why: why.clone(),
        since: Some(since.to_proto()),
        needs_log_from: needs_log_from.unwrap_or(0),
    }
}

fn key_of(entity: Option<cell::QuarantinedEntity>) -> Result<EntityKey, Status> {
    let entity = entity.ok_or_else(|| Status::invalid_argument("entity is not set"))?;
    let kind = u8::try_from(entity.kind).map_err(|_| Status::invalid_argument("no such kind of entity"))?;
    let uuid = |bytes: &[u8], what| {
        Uuid::from_slice(bytes).map_err(|_| Status::invalid_argument(format!("{what} is not 16 bytes")))
    };
    Ok(EntityKey {
        kind: EntityKind::numbered(kind),
        namespace_id: uuid(&entity.namespace_id, "namespace_id")?,
        id: entity.id.as_str().into(),
        run_id: uuid(&entity.run_id, "run_id")?,
    })
}
