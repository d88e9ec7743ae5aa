UPDATE shard SET epoch = epoch WHERE shard = ? AND epoch = ?
