INSERT INTO entity (shard, kind, namespace_id, id, run_id, position_seq, position_index, wake_at_ms, closed,
                    delete_at_ms, billed_bytes, snapshot)
SELECT * FROM unnest($1::int4[], $2::int2[], $3::uuid[], $4::bytea[], $5::uuid[], $6::int8[], $7::int8[], $8::int8[],
                     $9::bool[], $10::int8[], $11::int8[], $12::bytea[])
ON CONFLICT (shard, kind, namespace_id, id, run_id) DO UPDATE SET
    position_seq = excluded.position_seq, position_index = excluded.position_index,
    wake_at_ms = excluded.wake_at_ms, closed = excluded.closed, delete_at_ms = excluded.delete_at_ms,
    billed_bytes = excluded.billed_bytes, snapshot = excluded.snapshot
