//! Raw-bytes gRPC and REST serving: one choke point for every call.
