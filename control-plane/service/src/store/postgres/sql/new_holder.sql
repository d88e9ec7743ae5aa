SELECT gen_random_uuid() AS holder
