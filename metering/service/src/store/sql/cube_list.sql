SELECT hour_ms, cell_id, namespace_id, kind, action_type, who, quantity FROM cube
WHERE hour_ms >= ?1 AND hour_ms < ?2 AND (?3 = '' OR account_id = ?3) AND (?4 = '' OR namespace = ?4)
