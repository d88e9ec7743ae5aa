INSERT INTO manifests (cell_id, incarnation, shard_count, first_hour_ms, region)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (cell_id, incarnation) DO NOTHING
