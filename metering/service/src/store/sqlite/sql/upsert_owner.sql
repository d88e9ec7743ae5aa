INSERT INTO owners (shard_id, namespace_id, namespace, account_id, project_id, tags, generation, named_day_ms)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
ON CONFLICT (shard_id, namespace_id) DO UPDATE SET
    namespace = excluded.namespace,
    account_id = excluded.account_id,
    project_id = excluded.project_id,
    tags = excluded.tags,
    generation = excluded.generation,
    named_day_ms = excluded.named_day_ms
