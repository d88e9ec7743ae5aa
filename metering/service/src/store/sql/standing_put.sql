INSERT INTO standing (cell_id, incarnation, shard, namespace_id, class, bytes, through_ms, who)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
ON CONFLICT DO UPDATE SET bytes = excluded.bytes, through_ms = excluded.through_ms, who = excluded.who
