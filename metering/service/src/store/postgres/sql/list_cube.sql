SELECT hour_ms, namespace, namespace_id, kind, action_type, project_id, tags, cell_id, account_id,
    quantity::text AS quantity
FROM cube
WHERE (hour_ms, namespace, namespace_id, kind, action_type, project_id, tags, cell_id, account_id)
        > ($1, $2, $3, $4, $5, $6, $7, $8, $9)
    AND hour_ms < $10
    AND ($11 = ''::bytea OR namespace = $11)
ORDER BY hour_ms, namespace, namespace_id, kind, action_type, project_id, tags, cell_id, account_id
LIMIT $12
