SELECT namespace_id, class, bytes, through_ms, who FROM standing
WHERE cell_id = ?1 AND incarnation = ?2 AND shard = ?3
