INSERT INTO open_hours (shard_id, hour_ms, namespace_id, kind, bytes, moment)
SELECT $1, given.hour_ms, given.namespace_id, given.kind, given.bytes::numeric, given.moment::numeric
FROM unnest($2::int8[], $3::uuid[], $4::int8[], $5::text[], $6::text[])
    AS given (hour_ms, namespace_id, kind, bytes, moment)
ON CONFLICT (shard_id, namespace_id, kind, hour_ms) DO UPDATE SET
    bytes = excluded.bytes,
    moment = excluded.moment
