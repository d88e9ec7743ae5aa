INSERT INTO process AS held (only_row, process, node, local_process, beat_at, took_over)
VALUES (1, gen_random_uuid(), $1, $3, clock_timestamp(), false)
ON CONFLICT (only_row) DO UPDATE SET
    process = excluded.process, node = excluded.node, local_process = excluded.local_process,
    beat_at = clock_timestamp(),
    took_over = held.beat_at >= clock_timestamp() - make_interval(secs => $2)
        AND NOT coalesce(held.local_process = $4, false)
WHERE held.node = excluded.node AND NOT held.took_over
   OR held.local_process = $4
   OR held.beat_at < clock_timestamp() - make_interval(secs => $2)
RETURNING process
