DELETE FROM chunk
USING unnest($1::int4[], $2::int2[], $3::uuid[], $4::bytea[], $5::uuid[], $6::int2[], $7::int8[])
    AS gone (shard, kind, namespace_id, id, run_id, collection, bucket)
WHERE (chunk.shard, chunk.kind, chunk.namespace_id, chunk.id, chunk.run_id, chunk.collection, chunk.bucket)
    = (gone.shard, gone.kind, gone.namespace_id, gone.id, gone.run_id, gone.collection, gone.bucket)
