SELECT shard_id, hour_ms, namespace_id, kind, bytes::text AS bytes, moment::text AS moment
FROM open_hours
WHERE shard_id = ANY($1)
