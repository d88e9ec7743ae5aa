INSERT INTO chunk (shard, kind, namespace_id, id, run_id, collection, bucket, data)
SELECT * FROM unnest($1::int4[], $2::int2[], $3::uuid[], $4::bytea[], $5::uuid[], $6::int2[], $7::int8[], $8::bytea[])
ON CONFLICT (shard, kind, namespace_id, id, run_id, collection, bucket) DO UPDATE SET data = excluded.data
