INSERT INTO cube (hour_ms, cell_id, namespace_id, kind, action_type, who, account_id, namespace, quantity)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
ON CONFLICT DO UPDATE SET quantity = excluded.quantity
