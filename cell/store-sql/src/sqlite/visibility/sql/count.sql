SELECT count(*) FROM record AS r WHERE r.namespace_id = ? AND {filter}
