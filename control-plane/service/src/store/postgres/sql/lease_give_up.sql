DELETE FROM leases WHERE task = $1 AND holder = $2
