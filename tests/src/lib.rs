//! End-to-end tests of the whole product, with real clients and real processes.
