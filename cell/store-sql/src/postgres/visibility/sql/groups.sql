SELECT {group} AS value, count(*) FROM record AS r{joins}
WHERE {stands} AND r.deleted_at_ms IS NULL AND {filter}
GROUP BY 1
