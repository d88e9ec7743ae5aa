//! SQL texts that stand in files.

/// The texts of a module's statements, each a constant, from files in `sql/` beside it; and, for a test that prepares
/// each against the migrated schema, `ALL` of them with the names of their files.
///
/// ```text
/// atoll_postgres::statements! {
///     SELECT_AUTHOR = "select_author.sql";
/// }
/// ```
#[macro_export]
macro_rules! statements {
    ($($name:ident = $file:literal;)*) => {
        $(pub(super) const $name: &str = include_str!(concat!("sql/", $file));)*
        #[cfg(test)]
        pub(super) const ALL: &[(&str, &str)] = &[$(($file, $name)),*];
    };
}
