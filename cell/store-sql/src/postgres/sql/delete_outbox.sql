DELETE FROM outbox
USING unnest($2::text[], $3::bytea[], $4::int8[], $5::int8[])
    AS done (projection, item_key, position_seq, position_index)
WHERE outbox.shard = $1 AND outbox.projection = done.projection AND outbox.item_key = done.item_key
  AND (outbox.position_seq, outbox.position_index) <= (done.position_seq, done.position_index)
