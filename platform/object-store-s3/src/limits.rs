//! How long things may take, and how large they are.

use std::time::Duration;

/// Bounds of one store's requests.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Until a connection stands.
    pub connect: Duration,
    /// Until one attempt of a request is answered, its body sent.
    pub attempt: Duration,
    /// Until a request is answered, with all its attempts and the pauses between them.
    pub request: Duration,
    /// Attempts of a request: what is overloaded, away or silent is asked again.
    pub attempts: u32,
    /// The first pause between two attempts; each is twice the one before.
    pub backoff: Duration,
    /// Until an object's bytes are read, with all attempts.
    pub read: Duration,
    /// Until a bucket is proven fit. One that takes longer counts as away.
    pub proof: Duration,
    /// Bytes of a part. An object of more is written in parts, all but the last of this size.
    pub part_bytes: usize,
}

impl Limits {
    /// Least of a part but the last: S3 refuses smaller ones.
    pub const LEAST_PART_BYTES: usize = 5 << 20;
    /// Parts of one object under way at once.
    pub(crate) const PARTS_AT_ONCE: usize = 4;
    /// Attempts to read an object whose bytes break off.
    pub(crate) const READS: u32 = 3;
    /// Attempts of a write that meets other writers of its key.
    pub(crate) const CONFLICTS: u32 = 6;
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            attempt: Duration::from_secs(15),
            request: Duration::from_secs(45),
            attempts: 4,
            backoff: Duration::from_millis(200),
            read: Duration::from_secs(60),
            proof: Duration::from_secs(15),
            part_bytes: 8 << 20,
        }
    }
}
