INSERT INTO shards (cell_id, incarnation, shard, watermark, written_at_ms, sealed_until_ms)
VALUES (?1, ?2, ?3, ?4, ?5, ?6)
ON CONFLICT DO UPDATE SET watermark = excluded.watermark, written_at_ms = excluded.written_at_ms,
    sealed_until_ms = excluded.sealed_until_ms
