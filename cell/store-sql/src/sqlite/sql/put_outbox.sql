INSERT INTO outbox (shard, projection, item_key, data)
VALUES {(?, ?, ?, ?)}
ON CONFLICT (shard, projection, item_key) DO UPDATE SET data = excluded.data
