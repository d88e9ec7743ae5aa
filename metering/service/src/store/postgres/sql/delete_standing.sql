DELETE FROM standing
USING unnest($2::uuid[], $3::int8[]) AS given (namespace_id, kind)
WHERE standing.shard_id = $1 AND standing.namespace_id = given.namespace_id AND standing.kind = given.kind
