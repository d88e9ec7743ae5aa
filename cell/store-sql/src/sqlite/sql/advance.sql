UPDATE shard SET checkpoint_seq = ?, checkpoint_state = ? WHERE shard = ? AND checkpoint_seq <= ?
