SELECT epoch, checkpoint_seq, checkpoint_state, shard FROM shard ORDER BY shard
