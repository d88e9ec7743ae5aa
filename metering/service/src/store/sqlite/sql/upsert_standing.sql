INSERT INTO standing (shard_id, namespace_id, kind, bytes)
VALUES (?1, ?2, ?3, ?4)
ON CONFLICT (shard_id, namespace_id, kind) DO UPDATE SET bytes = excluded.bytes
