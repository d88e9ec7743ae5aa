SELECT count(*) FROM record AS r{joins} WHERE {stands} AND {filter}
