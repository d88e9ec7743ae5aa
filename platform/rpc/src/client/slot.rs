use std::sync::{Mutex, PoisonError};

use atoll_api::call::{Bytes, Status};
use h2::client::SendRequest;

use super::connection::connect;

/// A place for one connection, which is made when it is needed.
#[derive(Default)]
pub(super) struct Slot {
    current: Mutex<Option<Connected>>,
    /// Held while connecting, so that callers share one attempt. Counts the connections made.
    connecting: tokio::sync::Mutex<u64>,
}

/// A connection that was usable when it was last looked at.
#[derive(Clone)]
pub(super) struct Connected {
    pub(super) sender: SendRequest<Bytes>,
    /// Counts the connections of the slot.
    pub(super) number: u64,
}

impl Slot {
    /// The connection, made if there is none.
    pub(super) async fn connected(&self, authority: &str) -> Result<Connected, Status> {
        if let Some(connected) = self.current() {
            return Ok(connected);
        }
        let mut number = self.connecting.lock().await;
        // Whoever was first may have connected.
        if let Some(connected) = self.current() {
            return Ok(connected);
        }
        let sender = connect(authority).await?;
        *number += 1;
        let connected = Connected { sender, number: *number };
        *self.lock() = Some(connected.clone());
        Ok(connected)
    }

    /// Gives up a connection that is no longer usable, but not one that has taken its place.
    pub(super) fn forget(&self, number: u64) {
        let mut current = self.lock();
        if current.as_ref().is_some_and(|connected| connected.number == number) {
            *current = None;
        }
    }

    fn current(&self) -> Option<Connected> {
        self.lock().clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Connected>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
