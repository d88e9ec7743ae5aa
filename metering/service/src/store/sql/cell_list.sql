SELECT cell_id, incarnation, shard_count, first_hour_ms FROM cells ORDER BY cell_id, incarnation
