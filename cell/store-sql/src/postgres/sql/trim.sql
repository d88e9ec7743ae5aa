DELETE FROM log
WHERE shard = $1 AND seq BETWEEN $2 AND $3 AND NOT ownership
  AND seq <= (SELECT checkpoint_seq FROM shard WHERE shard = $1)
