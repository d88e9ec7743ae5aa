INSERT INTO open_hours (shard_id, hour_ms, namespace_id, kind, bytes, moment)
VALUES (?1, ?2, ?3, ?4, ?5, ?6)
ON CONFLICT (shard_id, hour_ms, namespace_id, kind) DO UPDATE SET
    bytes = excluded.bytes,
    moment = excluded.moment
