INSERT INTO process AS held (only_row, process, node, beat_at, took_over)
VALUES (1, gen_random_uuid(), $1, clock_timestamp(), false)
ON CONFLICT (only_row) DO UPDATE SET
    process = excluded.process, node = excluded.node, beat_at = clock_timestamp(),
    took_over = held.beat_at >= clock_timestamp() - make_interval(secs => $2)
WHERE held.node = excluded.node AND NOT held.took_over
   OR held.beat_at < clock_timestamp() - make_interval(secs => $2)
RETURNING process
