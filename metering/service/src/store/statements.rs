//! The SQL, one statement a file.

/// Statements by name.
pub(crate) mod sql {
    macro_rules! statements {
        ($($name:ident = $file:literal;)*) => {
            $(pub(crate) const $name: &str = include_str!(concat!("sql/", $file, ".sql"));)*
            /// Every statement but the schema, for the test that prepares them.
            #[cfg(test)]
            pub(crate) const ALL: &[&str] = &[$($name),*];
        };
    }

    /// The tables.
    pub(crate) const SCHEMA: &str = include_str!("sql/schema.sql");

    statements! {
        CELL_PUT = "cell_put";
        CELL_LIST = "cell_list";
        SHARD_GET = "shard_get";
        SHARD_PUT = "shard_put";
        SHARD_LIST = "shard_list";
        STANDING_OF_SHARD = "standing_of_shard";
        STANDING_PUT = "standing_put";
        STANDING_OPEN = "standing_open";
        CUBE_GET = "cube_get";
        CUBE_PUT = "cube_put";
        CUBE_LIST = "cube_list";
        VERSION_GET = "version_get";
        VERSION_RAISE = "version_raise";
    }
}
