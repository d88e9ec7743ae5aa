INSERT INTO rating_runs (run_id, account_id, month, usage_until_ms, run_json, created_at_ms)
VALUES (?1, ?2, ?3, ?4, ?5, ?6)
