SELECT s.cell_id, s.namespace_id, s.class, s.bytes, s.through_ms, s.who, h.written_at_ms
FROM standing s JOIN shards h USING (cell_id, incarnation, shard)
WHERE s.bytes <> 0 AND h.written_at_ms > s.through_ms
