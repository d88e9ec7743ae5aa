SELECT count(*) FROM shard WHERE shard = ?
