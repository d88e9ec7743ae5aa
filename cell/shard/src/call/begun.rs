//! A command that is decided and applied, and whose answer may not leave yet.

use crate::error::ShardError;
use crate::memory::Shard;
use crate::runtime::ShardRuntime;
use cell_engine::Rejection;
use cell_store::Epoch;
use tokio::sync::oneshot;

/// What [`ShardRuntime::begin`] answers. The command stands, whatever becomes of this.
#[must_use = "the command stands; its answer waits here"]
pub struct Begun<'a, R> {
    pub(crate) runtime: &'a ShardRuntime,
    pub(crate) shard: &'a Shard,
    pub(crate) answer: Result<R, Rejection>,
    pub(crate) wait: Option<oneshot::Receiver<()>>,
    /// The epoch in which ownership has to be confirmed, where the answer ends something for the caller.
    pub(crate) confirm: Option<Epoch>,
}

impl<R> Begun<'_, R> {
    /// The reply, which may yet be lost: nobody may see it before [`Self::released`]. It is for taking back what was
    /// begun should the caller go away meanwhile.
    pub fn undurable(&self) -> Option<&R> {
        self.answer.as_ref().ok()
    }

    /// The answer, once what it rests on is durable.
    pub async fn released(self) -> Result<R, ShardError> {
        self.runtime.released(self.shard, self.wait).await?;
        if let Some(epoch) = self.confirm {
            self.runtime.confirm_ownership(self.shard, epoch).await?;
        }
        self.answer.map_err(ShardError::Rejected)
    }
}
