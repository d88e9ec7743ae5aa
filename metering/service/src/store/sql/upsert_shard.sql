INSERT INTO shards (cell_id, incarnation, shard, watermark, sealed_until_ms, written_at_ms)
VALUES (?1, ?2, ?3, ?4, ?5, ?6)
ON CONFLICT (cell_id, incarnation, shard) DO UPDATE SET
    watermark = excluded.watermark,
    sealed_until_ms = excluded.sealed_until_ms,
    written_at_ms = excluded.written_at_ms
RETURNING shard_id
