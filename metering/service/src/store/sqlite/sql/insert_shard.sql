INSERT INTO shards (cell_id, incarnation, shard, watermark, sealed_until_ms, written_at_ms, objects, continues_id)
VALUES (?1, ?2, ?3, ?4, NULL, 0, 0, ?5)
