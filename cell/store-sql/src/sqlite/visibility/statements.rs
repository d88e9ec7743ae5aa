//! Every statement of the visibility database.

use crate::sqlite::batched::Batched;

crate::sqlite::statements::statements! {
    single {
        DELETE_NAMESPACE = "../sql/visibility_delete_namespace.sql",
        LIST = "../sql/visibility_list.sql",
        ATTRIBUTES = "../sql/visibility_attributes.sql",
        COUNT = "../sql/visibility_count.sql",
        GROUPS = "../sql/visibility_groups.sql",
    }
    batched {
        UPSERT = "../sql/visibility_upsert.sql",
        CLEAR_ATTRIBUTES = "../sql/visibility_clear_attributes.sql",
        PUT_ATTRIBUTES = "../sql/visibility_put_attributes.sql",
        DELETE = "../sql/visibility_delete.sql",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::database::Database;
    use crate::sqlite::migrate;
    use crate::sqlite::options::SqliteOptions;
    use crate::sqlite::statements::tests::{prepare_all, refuse_scans};

    /// The texts with something in their places.
    fn single() -> Vec<String> {
        SINGLE.iter().map(|text| text.replace("{filter}", "1").replace("{group}", "r.status")).collect()
    }

    #[tokio::test]
    async fn every_statement_is_prepared_and_finds_its_rows_by_an_index() {
        let directory = tempfile::TempDir::new().expect("a temporary directory");
        let options = SqliteOptions::new(directory.path().join("visibility.db"));
        let database = Database::open(options.clone(), &migrate::VISIBILITY).await.expect("a database");
        let single = single();
        let single: Vec<&str> = single.iter().map(String::as_str).collect();
        prepare_all(&options, &single, BATCHED).await;
        refuse_scans(&options, &single, BATCHED, &["record", "r", "attribute"]).await;
        database.close().await;
    }
}
