//! How much of request bodies a server holds at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use atoll_api::call::Status;

/// Bytes of bodies that a server holds: of those that are on their way, and of large ones until their call ends. A body
/// that came in one piece is not counted: it is no larger than a frame.
pub(crate) struct Bodies {
    limit: usize,
    held: AtomicUsize,
}

impl Bodies {
    /// Room for so many bytes.
    pub(crate) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { limit, held: AtomicUsize::new(0) })
    }

    /// Nothing yet, of one body.
    pub(crate) fn none(&self) -> Held<'_> {
        Held { bodies: self, bytes: 0 }
    }
}

/// What is held of one body; given back when dropped.
pub(crate) struct Held<'a> {
    bodies: &'a Bodies,
    bytes: usize,
}

impl Held<'_> {
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Holds so much in all from now on, or refuses.
    pub(crate) fn resize(&mut self, bytes: usize) -> Result<(), Status> {
        let Self { bodies: Bodies { limit, held }, bytes: before } = self;
        if bytes > *before {
            let more = bytes - *before;
            if held.fetch_add(more, Relaxed).saturating_add(more) > *limit {
                held.fetch_sub(more, Relaxed);
                let text = "the server holds as many bytes of requests as it may: try again";
                return Err(Status::resource_exhausted(text));
            }
        } else {
            held.fetch_sub(*before - bytes, Relaxed);
        }
        *before = bytes;
        Ok(())
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        if self.bytes > 0 {
            self.bodies.held.fetch_sub(self.bytes, Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_refused_and_what_goes_makes_room() {
        let bodies = Bodies::new(100);
        let (mut one, mut other) = (bodies.none(), bodies.none());
        one.resize(60).unwrap();
        other.resize(40).unwrap();
        assert!(other.resize(41).is_err());
        assert_eq!(bodies.held.load(Relaxed), 100);
        one.resize(10).unwrap();
        other.resize(90).unwrap();
        drop((one, other));
        assert_eq!(bodies.held.load(Relaxed), 0);
    }
}
