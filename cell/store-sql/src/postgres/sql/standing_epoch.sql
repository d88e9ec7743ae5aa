SELECT epoch FROM shard WHERE shard = $1
