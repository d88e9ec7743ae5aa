UPDATE shard SET epoch = epoch + 1 WHERE shard = ?
RETURNING epoch, checkpoint_seq, checkpoint_state
