INSERT INTO cube
    (hour_ms, namespace, namespace_id, kind, action_type, project_id, tags, cell_id, account_id, quantity)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
ON CONFLICT (hour_ms, namespace, namespace_id, kind, action_type, project_id, tags, cell_id, account_id)
DO UPDATE SET quantity = excluded.quantity
