use super::{entity_of, key_of, refused};
use atoll_api::call::Status;
use atoll_internal_api::cell::v1 as cell;
use cell_engine::Time;
use cell_shard::ShardRuntime;
use cell_store::EntityRow;

/// One entity with what is stored of it. Changes nothing.
pub(in crate::admin) async fn show(
    shards: &ShardRuntime,
    request: cell::ShowQuarantinedRequest,
) -> Result<cell::ShowQuarantinedResponse, Status> {
    let key = key_of(request.entity)?;
    let (aside, stored) = shards.show_quarantined(&key).await.map_err(|error| refused(error, &key))?;
    Ok(cell::ShowQuarantinedResponse { entity: Some(entity_of(&aside)), stored: stored.map(stored_of) })
}

fn stored_of(row: EntityRow) -> cell::StoredEntity {
    let time = |millis| Time::from_millis(millis).to_proto();
    cell::StoredEntity {
        chunks: row.chunks.len() as u32,
        chunk_bytes: row.chunks.iter().map(|chunk| chunk.data.len() as u64).sum(),
        snapshot: row.snapshot,
        log_row: row.position.seq,
        log_record: row.position.index,
        wake_time: row.wake_at_ms.map(time),
        closed: row.closed,
        delete_time: row.delete_at_ms.map(time),
        billed_bytes: row.billed_bytes,
    }
}
