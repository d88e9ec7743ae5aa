SELECT quantity
FROM cube
WHERE hour_ms = ?1 AND namespace = ?2 AND namespace_id = ?3 AND kind = ?4 AND action_type = ?5
    AND project_id = ?6 AND tags = ?7 AND cell_id = ?8 AND account_id = ?9
