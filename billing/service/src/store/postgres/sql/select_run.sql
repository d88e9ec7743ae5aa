SELECT run_json FROM rating_runs WHERE run_id = $1
