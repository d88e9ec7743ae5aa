INSERT INTO decisions
    (cell_id, incarnation, kind, shard, from_seq, to_seq, hour_ms, reason, decided_by, decided_at_ms)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
ON CONFLICT (cell_id, incarnation, kind, shard, from_seq) DO NOTHING
