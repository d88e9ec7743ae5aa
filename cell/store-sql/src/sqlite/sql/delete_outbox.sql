DELETE FROM outbox WHERE (shard, projection, item_key) IN (VALUES {(?, ?, ?)})
