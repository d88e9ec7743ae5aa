SELECT name FROM locks WHERE name = 'accounts' FOR UPDATE
