//! Load generator over raw gRPC for any Temporal-compatible address.
