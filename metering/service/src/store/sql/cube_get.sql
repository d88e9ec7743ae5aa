SELECT quantity FROM cube WHERE hour_ms = ?1 AND cell_id = ?2 AND namespace_id = ?3 AND kind = ?4
    AND action_type = ?5 AND who = ?6
