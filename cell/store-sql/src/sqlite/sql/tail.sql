SELECT position, epoch, ownership, batch_id, data FROM log WHERE position BETWEEN ? AND ? ORDER BY position
