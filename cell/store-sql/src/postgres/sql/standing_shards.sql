SELECT shard, epoch, checkpoint_seq, checkpoint_state FROM shard ORDER BY shard
