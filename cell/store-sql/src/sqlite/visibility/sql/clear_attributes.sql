DELETE FROM attribute WHERE row_id IN ({?})
