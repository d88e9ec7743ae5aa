//! Limits that both sides of our own services keep to.

/// Largest message of `CellAdmin`, bytes: the control plane brings a cell all keys in one, some 100 bytes each. It
/// comes from the control plane alone.
pub const CELL_ADMIN_MESSAGE_BYTES: usize = 64 << 20;
