UPDATE shard SET slice = $5 WHERE shard = $1 AND epoch = $2 AND term = $3 AND slice >= $4 AND slice < $5
