SELECT found.namespace_id, found.namespace, found.account_id, found.project_id, found.tags, found.generation,
    found.named_day_ms
FROM unnest($2::uuid[]) AS wanted (namespace_id)
CROSS JOIN LATERAL (
    SELECT owners.*
    FROM shards
    JOIN owners ON owners.shard_id = shards.shard_id AND owners.namespace_id = wanted.namespace_id
    WHERE shards.cell_id = $1
    ORDER BY owners.generation DESC, shards.shard_id
    LIMIT 1
) AS found
