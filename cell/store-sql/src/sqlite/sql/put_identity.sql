INSERT INTO identity (only_row, incarnation, shard_count) VALUES (1, ?, ?)
