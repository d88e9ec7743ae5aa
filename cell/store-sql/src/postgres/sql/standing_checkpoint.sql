SELECT checkpoint_seq FROM shard WHERE shard = $1
