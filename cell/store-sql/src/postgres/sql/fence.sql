SELECT epoch = $2 FROM shard WHERE shard = $1 FOR NO KEY UPDATE
