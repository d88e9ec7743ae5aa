SELECT item_key, data FROM outbox WHERE shard = ? AND projection = ? ORDER BY item_key LIMIT ?
