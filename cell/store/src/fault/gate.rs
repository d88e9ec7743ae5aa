//! A place where a call waits until a test lets it go on.

use std::sync::Arc;
use tokio::sync::Semaphore;

/// Holds calls until they are released, so that a test decides what happens in between. Clones are the same gate.
#[derive(Clone, Debug)]
pub struct Gate {
    arrived: Arc<Semaphore>,
    released: Arc<Semaphore>,
}

impl Gate {
    /// A closed gate.
    pub fn new() -> Gate {
        Gate { arrived: Arc::new(Semaphore::new(0)), released: Arc::new(Semaphore::new(0)) }
    }

    /// Waits until a call has come to the gate; each arrival is told once.
    pub async fn arrived(&self) {
        if let Ok(permit) = self.arrived.acquire().await {
            permit.forget();
        }
    }

    /// Lets one call pass, a waiting one or the next to come.
    pub fn release(&self) {
        self.released.add_permits(1);
    }

    /// Lets every call pass from now on.
    pub fn open(&self) {
        self.released.close();
    }

    /// Arrives and waits to be let through.
    pub(super) async fn pass(&self) {
        self.arrived.add_permits(1);
        if let Ok(permit) = self.released.acquire().await {
            permit.forget();
        }
    }
}

impl Default for Gate {
    fn default() -> Gate {
        Gate::new()
    }
}
