//! The calls that a store takes.

/// A call of the store traits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Call {
    /// `ShardStore::open`.
    Open,
    /// `ShardStore::acquire`.
    Acquire,
    /// `ShardStore::append`.
    Append,
    /// `ShardStore::epochs`.
    Epochs,
    /// `ShardStore::checkpoint`.
    Checkpoint,
    /// `ShardStore::log`.
    Log,
    /// `ShardStore::trim`.
    Trim,
    /// `ShardStore::load`.
    Load,
    /// `ShardStore::history`.
    History,
    /// `ShardStore::segments`.
    Segments,
    /// `ShardStore::due`.
    Due,
    /// `ShardStore::expired`.
    Expired,
    /// `ShardStore::of_namespace`.
    OfNamespace,
    /// `ShardStore::waiting`.
    Waiting,
    /// `ShardStore::waiting_count`. A [`FaultStore`](super::FaultStore) takes it for [`Self::Waiting`].
    WaitingCount,
    /// `ShardStore::outbox`.
    Outbox,
    /// `ShardStore::outbox_sizes`.
    OutboxSizes,
    /// `MetadataStore::list`.
    List,
    /// `MetadataStore::put`.
    Put,
    /// `MetadataStore::remove`.
    Remove,
}

impl Call {
    /// What traces and people call it.
    pub const fn name(self) -> &'static str {
        match self {
            Call::Open => "open",
            Call::Acquire => "acquire",
            Call::Append => "append",
            Call::Epochs => "epochs",
            Call::Checkpoint => "checkpoint",
            Call::Log => "log",
            Call::Trim => "trim",
            Call::Load => "load",
            Call::History => "history",
            Call::Segments => "segments",
            Call::Due => "due",
            Call::Expired => "expired",
            Call::OfNamespace => "of namespace",
            Call::Waiting => "waiting",
            Call::WaitingCount => "waiting_count",
            Call::Outbox => "outbox",
            Call::OutboxSizes => "outbox sizes",
            Call::List => "metadata list",
            Call::Put => "metadata put",
            Call::Remove => "metadata remove",
        }
    }

    /// Whether it may change what is stored.
    pub const fn writes(self) -> bool {
        match self {
            Call::Open
            | Call::Acquire
            | Call::Append
            | Call::Checkpoint
            | Call::Trim
            | Call::Put
            | Call::Remove => true,
            Call::Epochs
            | Call::Log
            | Call::Load
            | Call::History
            | Call::Segments
            | Call::Due
            | Call::Expired
            | Call::OfNamespace
            | Call::Waiting
            | Call::WaitingCount
            | Call::Outbox
            | Call::OutboxSizes
            | Call::List => false,
        }
    }
}
