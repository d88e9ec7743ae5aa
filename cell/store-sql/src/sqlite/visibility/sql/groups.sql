SELECT {group} AS value, count(*) FROM record AS r WHERE r.namespace_id = ? AND {filter} GROUP BY 1 ORDER BY 1
