SELECT shard, epoch FROM shard WHERE shard = ANY($1)
