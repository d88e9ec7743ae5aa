//! Every statement of the visibility database.

use crate::sqlite::batched::Batched;

atoll_sqlite::statements! {
    DELETE_NAMESPACE = "delete_namespace.sql";
    END_TOMBSTONES = "end_tombstones.sql";
    LIST = "list.sql";
    ATTRIBUTES = "attributes.sql";
    MEMOS = "memos.sql";
    COUNT = "count.sql";
    GROUPS = "groups.sql";
}

crate::sqlite::statements::batched_statements! {
    UPSERT = "upsert.sql";
    CLEAR_ATTRIBUTES = "clear_attributes.sql";
    PUT_ATTRIBUTES = "put_attributes.sql";
    DELETE = "delete.sql";
    PUT_TOMBSTONES = "put_tombstones.sql";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::database::Database;
    use crate::sqlite::options::SqliteOptions;
    use crate::sqlite::schema::VISIBILITY;
    use crate::sqlite::statements::tests::{prepare_all, refuse_scans};

    /// The texts with something in their places.
    fn single() -> Vec<String> {
        ALL.iter().map(|(_, text)| text.replace("{filter}", "1").replace("{group}", "r.status")).collect()
    }

    #[tokio::test]
    async fn every_statement_is_prepared_and_finds_its_rows_by_an_index() {
        let directory = tempfile::TempDir::new().expect("a temporary directory");
        let options = SqliteOptions::new(directory.path().join("visibility.db"));
        let database = Database::open(options.clone(), &VISIBILITY).await.expect("a database");
        let single = single();
        let single: Vec<&str> = single.iter().map(String::as_str).collect();
        prepare_all(&options, &single, BATCHED).await;
        refuse_scans(&options, &single, BATCHED, &["record", "r", "attribute", "tombstone"]).await;
        database.close().await;
    }
}
