INSERT INTO identity (only_row, incarnation, shard_count) VALUES (1, $1, $2) ON CONFLICT DO NOTHING
