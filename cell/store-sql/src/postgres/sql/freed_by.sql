SELECT DISTINCT freed.kind, freed.namespace_id, freed.id, freed.branch
FROM unnest($1::int4[], $2::int2[], $3::uuid[], $4::bytea[], $5::uuid[])
    AS by (shard, kind, namespace_id, id, run_id)
JOIN branch_reference AS freed
    ON (freed.shard, freed.kind, freed.namespace_id, freed.id, freed.by_run)
        = (by.shard, by.kind, by.namespace_id, by.id, by.run_id)
WHERE NOT EXISTS (SELECT FROM entity
    WHERE (entity.shard, entity.kind, entity.namespace_id, entity.id, entity.run_id)
        = (freed.shard, freed.kind, freed.namespace_id, freed.id, freed.branch))
