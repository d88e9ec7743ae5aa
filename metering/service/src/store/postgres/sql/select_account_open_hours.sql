SELECT open_hours.shard_id, open_hours.hour_ms, open_hours.namespace_id, open_hours.kind,
    open_hours.bytes::text AS bytes, open_hours.moment::text AS moment
FROM owners
JOIN open_hours USING (shard_id, namespace_id)
WHERE owners.shard_id = ANY($1) AND owners.account_id = $2
