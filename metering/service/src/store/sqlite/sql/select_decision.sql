SELECT cell_id, incarnation, kind, shard, from_seq, to_seq, hour_ms, reason, decided_by, decided_at_ms
FROM decisions
WHERE cell_id = ?1 AND incarnation = ?2 AND kind = ?3 AND shard = ?4 AND from_seq = ?5
