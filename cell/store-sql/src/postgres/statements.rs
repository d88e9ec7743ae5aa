//! Every statement of the cell's database.

/// The texts, each a constant, from files in `sql/` beside this; and `ALL` of them, with their names, for a test that
/// prepares each.
macro_rules! statements {
    ($($name:ident = $file:literal;)*) => {
        $(pub(super) const $name: &str = include_str!(concat!("sql/", $file));)*
        #[cfg(test)]
        pub(super) const ALL: &[(&str, &str)] = &[$(($file, $name)),*];
    };
}

statements! {
    ADVANCE = "advance.sql";
    APPEND = "append.sql";
    CONFIRM = "confirm.sql";
    DELETE_CHUNKS = "delete_chunks.sql";
    DELETE_ENTITIES = "delete_entities.sql";
    DELETE_OUTBOX = "delete_outbox.sql";
    DELETE_WAITING_TASKS = "delete_waiting_tasks.sql";
    DUE = "due.sql";
    EPOCHS = "epochs.sql";
    EXPIRED = "expired.sql";
    FENCE = "fence.sql";
    HISTORY = "history.sql";
    IDENTITY = "identity.sql";
    LOAD = "load.sql";
    LOCK_SHARDS = "lock_shards.sql";
    LOG = "log.sql";
    METADATA_LIST = "metadata_list.sql";
    METADATA_PUT = "metadata_put.sql";
    METADATA_REMOVE = "metadata_remove.sql";
    METADATA_VERSION = "metadata_version.sql";
    NEXT_KIND = "next_kind.sql";
    OF_NAMESPACE = "of_namespace.sql";
    OF_NAMESPACE_FROM = "of_namespace_from.sql";
    OUTBOX = "outbox.sql";
    OUTBOX_FROM = "outbox_from.sql";
    OUTBOX_SIZES = "outbox_sizes.sql";
    PUT_CHUNKS = "put_chunks.sql";
    PUT_ENTITIES = "put_entities.sql";
    PUT_HISTORY = "put_history.sql";
    PUT_IDENTITY = "put_identity.sql";
    PUT_OUTBOX = "put_outbox.sql";
    PUT_SHARDS = "put_shards.sql";
    PUT_WAITING = "put_waiting.sql";
    RAISE_EPOCHS = "raise_epochs.sql";
    SEGMENTS = "segments.sql";
    STANDING = "standing.sql";
    STANDING_SHARDS = "standing_shards.sql";
    TAILS = "tails.sql";
    TRIM = "trim.sql";
    TRIM_FROM = "trim_from.sql";
    WAITING = "waiting.sql";
    WAITING_COUNT = "waiting_count.sql";
}
