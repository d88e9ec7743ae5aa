SELECT name FROM locks WHERE name = 'cells' FOR UPDATE
