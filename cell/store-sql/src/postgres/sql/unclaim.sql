DELETE FROM process WHERE process = $1
