SELECT open_hours.hour_ms, open_hours.namespace_id, open_hours.kind, open_hours.bytes, open_hours.moment
FROM owners
JOIN open_hours USING (shard_id, namespace_id)
WHERE owners.shard_id = ?1 AND owners.account_id = ?2
