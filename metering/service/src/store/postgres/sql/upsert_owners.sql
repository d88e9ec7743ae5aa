INSERT INTO owners (shard_id, namespace_id, namespace, account_id, project_id, tags, generation, named_day_ms)
SELECT $1, given.namespace_id, given.namespace, given.account_id, given.project_id, given.tags, given.generation,
    given.named_day_ms
FROM unnest($2::uuid[], $3::bytea[], $4::bytea[], $5::bytea[], $6::bytea[], $7::int8[], $8::int8[])
    AS given (namespace_id, namespace, account_id, project_id, tags, generation, named_day_ms)
ON CONFLICT (shard_id, namespace_id) DO UPDATE SET
    namespace = excluded.namespace,
    account_id = excluded.account_id,
    project_id = excluded.project_id,
    tags = excluded.tags,
    generation = excluded.generation,
    named_day_ms = excluded.named_day_ms
