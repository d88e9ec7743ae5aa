SELECT cell_id, incarnation, shard_count, first_hour_ms, region
FROM manifests
ORDER BY cell_id, first_hour_ms, incarnation
