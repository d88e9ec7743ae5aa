//! The seams of the cell: every call that leaves it meets the world's weather, and may be its last one.

use crate::world::{Fate, Weather, World};
use atoll_object_store::ObjectStoreError;
use cell_store::StoreError;
use cell_visibility::VisibilityError;
use parking_lot::Mutex;
use std::sync::Arc;

/// What a seam says when nothing is behind it.
pub(crate) trait Away {
    /// The error of a call that failed because of this.
    fn away(why: &str) -> Self;
}

impl Away for StoreError {
    fn away(why: &str) -> Self {
        Self::Unavailable(why.to_owned())
    }
}

impl Away for VisibilityError {
    fn away(why: &str) -> Self {
        Self::Unavailable(why.to_owned())
    }
}

impl Away for ObjectStoreError {
    fn away(why: &str) -> Self {
        Self::Io(std::io::Error::other(why.to_owned()))
    }
}

/// A seam, and its weather. Clones are the same seam.
#[derive(Clone)]
pub(crate) struct Seam {
    pub(crate) world: World,
    pub(crate) weather: Arc<Mutex<Weather>>,
}

impl Seam {
    /// Makes a call as the weather has it.
    pub(crate) async fn pass<T, E: Away>(
        &self,
        call: &'static str,
        inner: impl Future<Output = Result<T, E>> + Send,
    ) -> Result<T, E> {
        let weather = *self.weather.lock();
        match self.world.step(call, weather).await {
            Fate::Through => inner.await,
            Fate::Last => {
                let _ = inner.await;
                std::future::pending().await
            }
            Fate::Before => Err(E::away("no connection")),
            Fate::After => {
                inner.await?;
                Err(E::away("the answer was lost"))
            }
        }
    }
}
