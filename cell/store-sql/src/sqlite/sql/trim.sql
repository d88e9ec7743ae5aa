DELETE FROM log WHERE position IN (
    SELECT position FROM log
    WHERE position > ? AND position <= ? + (SELECT checkpoint_seq FROM shard WHERE shard = ?) AND NOT ownership
    ORDER BY position LIMIT ?)
