SELECT position, epoch, batch_id FROM log WHERE position BETWEEN ? AND ? ORDER BY position
