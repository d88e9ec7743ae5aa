UPDATE process SET beat_at = clock_timestamp() WHERE process = $1
