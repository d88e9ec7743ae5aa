SELECT count(*) FROM record AS r{joins} WHERE {stands} AND r.deleted_at_ms IS NULL AND {filter}
