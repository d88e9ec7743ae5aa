//! Ingests usage objects into the hourly cube and serves usage.
