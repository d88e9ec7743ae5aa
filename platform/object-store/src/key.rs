//! What may be a key. Engines check what they are given.

use crate::error::ObjectStoreError;

/// Longest key, bytes: what S3 allows.
pub const LONGEST: usize = 1024;

/// Refuses keys that are no path of plain segments: nothing may lead out of the store.
pub fn check(key: &str) -> Result<(), ObjectStoreError> {
    let plain = |segment: &str| {
        !segment.is_empty()
            && !segment.starts_with('.')
            && segment.chars().all(|c| c.is_ascii_alphanumeric() || "-_.=".contains(c))
    };
    if key.len() <= LONGEST && key.split('/').all(plain) {
        Ok(())
    } else {
        Err(ObjectStoreError::InvalidKey(key.to_owned()))
    }
}

/// Refuses prefixes that no key can begin with; the empty prefix is the whole store.
pub fn check_prefix(prefix: &str) -> Result<(), ObjectStoreError> {
    match prefix.strip_suffix('/') {
        Some(folder) => check(folder),
        None if prefix.is_empty() => Ok(()),
        None => check(prefix),
    }
}
