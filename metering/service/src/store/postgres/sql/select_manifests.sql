SELECT cell_id, incarnation, shard_count, first_hour_ms, region, replaces, first_rows, restored_at_ms
FROM manifests
ORDER BY cell_id, first_hour_ms, incarnation
