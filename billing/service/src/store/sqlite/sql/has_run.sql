SELECT 1 FROM rating_runs WHERE run_id = ?1
