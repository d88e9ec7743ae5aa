INSERT INTO manifests (cell_id, incarnation, shard_count, first_hour_ms, region, replaces, first_rows, restored_at_ms)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
ON CONFLICT (cell_id, incarnation) DO NOTHING
