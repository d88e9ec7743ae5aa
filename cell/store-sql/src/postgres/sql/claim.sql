INSERT INTO process (only_row, process, node, beat_at) VALUES (1, gen_random_uuid(), $1, clock_timestamp())
ON CONFLICT (only_row) DO UPDATE SET process = excluded.process, node = excluded.node, beat_at = excluded.beat_at
WHERE process.node = excluded.node OR process.beat_at < excluded.beat_at - make_interval(secs => $2)
RETURNING process
