WITH done (shard, projection, item_key, position_seq, position_index) AS (VALUES {(?, ?, ?, ?, ?)})
DELETE FROM outbox WHERE (shard, projection, item_key) IN (
    SELECT outbox.shard, outbox.projection, outbox.item_key FROM done CROSS JOIN outbox
    ON outbox.shard = done.shard AND outbox.projection = done.projection AND outbox.item_key = done.item_key
    WHERE (outbox.position_seq, outbox.position_index) <= (done.position_seq, done.position_index))
