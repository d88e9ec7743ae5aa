SELECT cell_id, incarnation, kind, shard, from_seq, to_seq, hour_ms, reason, decided_by, decided_at_ms
FROM decisions
ORDER BY decision_id
