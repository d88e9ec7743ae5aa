DELETE FROM history WHERE ctid = ANY (ARRAY(
    SELECT history.ctid
    FROM unnest($1::int4[], $2::int2[], $3::uuid[], $4::bytea[], $5::uuid[])
        AS gone (shard, kind, namespace_id, id, run_id)
    JOIN history USING (shard, kind, namespace_id, id, run_id)
    LIMIT $6))
