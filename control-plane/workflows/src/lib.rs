//! The control plane and billing workflows, written with the Temporal Rust SDK.
