INSERT INTO shards (cell_id, incarnation, shard, watermark, sealed_until_ms, written_at_ms, objects)
VALUES (?1, ?2, ?3, 1, NULL, 0, 0)
