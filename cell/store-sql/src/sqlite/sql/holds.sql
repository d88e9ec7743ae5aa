SELECT EXISTS (SELECT 1 FROM shard WHERE shard = ? AND checkpoint_seq >= ?)
    OR EXISTS (SELECT 1 FROM log WHERE position = ?)
