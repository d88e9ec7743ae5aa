INSERT INTO outbox (shard, projection, item_key, position_seq, position_index, since_ms, data)
SELECT $1, * FROM unnest($2::text[], $3::bytea[], $4::int8[], $5::int8[], $6::int8[], $7::bytea[])
ON CONFLICT (shard, projection, item_key) DO UPDATE SET
    position_seq = excluded.position_seq, position_index = excluded.position_index,
    since_ms = least(outbox.since_ms, excluded.since_ms), data = excluded.data
WHERE (excluded.position_seq, excluded.position_index) >= (outbox.position_seq, outbox.position_index)
