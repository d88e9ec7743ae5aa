INSERT INTO cells (cell_id, incarnation, shard_count, first_hour_ms) VALUES (?1, ?2, ?3, ?4)
ON CONFLICT DO NOTHING
