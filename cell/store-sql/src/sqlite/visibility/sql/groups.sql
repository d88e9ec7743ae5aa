SELECT +{group} AS value, count(*) FROM record AS r{joins} WHERE {stands} AND {filter} GROUP BY 1 ORDER BY 1
