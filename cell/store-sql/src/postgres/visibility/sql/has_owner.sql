SELECT to_regclass('owner') IS NOT NULL
