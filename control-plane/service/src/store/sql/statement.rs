/// Makes an enum of all statements, each with its text for either engine: from the file of its name in `sqlite/sql` and
/// from the one in `postgres/sql`.
macro_rules! statements {
    ($($variant:ident = $file:literal;)*) => {
        /// A statement that both engines have, each in its own words.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(in crate::store) enum Statement {
            $($variant,)*
        }

        impl Statement {
            /// All of them.
            #[cfg(test)]
            pub(in crate::store) const ALL: &[Self] = &[$(Self::$variant),*];

            /// The text for SQLite.
            pub(in crate::store) const fn sqlite(self) -> &'static str {
                match self {
                    $(Self::$variant => include_str!(concat!("../sqlite/sql/", $file, ".sql")),)*
                }
            }

            /// The text for PostgreSQL.
            pub(in crate::store) const fn postgres(self) -> &'static str {
                match self {
                    $(Self::$variant => include_str!(concat!("../postgres/sql/", $file, ".sql")),)*
                }
            }
        }
    };
}

statements! {
    AccountByName = "account_by_name";
    AccountGet = "account_get";
    AccountInsert = "account_insert";
    AccountPage = "account_page";
    ApiKeyCount = "api_key_count";
    ApiKeyDelete = "api_key_delete";
    ApiKeyGet = "api_key_get";
    ApiKeyInsert = "api_key_insert";
    ApiKeyPage = "api_key_page";
    ApiKeySet = "api_key_set";
    AuditInsert = "audit_insert";
    AuditPage = "audit_page";
    AuditPageOfAccount = "audit_page_of_account";
    CellGet = "cell_get";
    CellList = "cell_list";
    CellSetDraining = "cell_set_draining";
    CellSetHealth = "cell_set_health";
    CellUpsert = "cell_upsert";
    CounterGet = "counter_get";
    CounterRaise = "counter_raise";
    NamespaceChange = "namespace_change";
    NamespaceCount = "namespace_count";
    NamespaceGet = "namespace_get";
    NamespaceInsert = "namespace_insert";
    NamespaceLive = "namespace_live";
    NamespaceOfCell = "namespace_of_cell";
    NamespacePage = "namespace_page";
    NamespaceRaiseGeneration = "namespace_raise_generation";
    NamespaceRoutes = "namespace_routes";
    NamespaceSetCell = "namespace_set_cell";
    NamespaceSetRouted = "namespace_set_routed";
    NamespaceSetState = "namespace_set_state";
    OperationBegin = "operation_begin";
    OperationById = "operation_by_id";
    OperationFinish = "operation_finish";
    OperationGet = "operation_get";
    OperationInsert = "operation_insert";
    OperationSetStarted = "operation_set_started";
    OperationToStart = "operation_to_start";
    PrincipalFirstAdmin = "principal_first_admin";
    PrincipalGet = "principal_get";
    PrincipalInsert = "principal_insert";
    PrincipalPage = "principal_page";
    PrincipalSetAccess = "principal_set_access";
    PrincipalWithNamespace = "principal_with_namespace";
    RecoveringEnter = "recovering_enter";
    RecoveringGet = "recovering_get";
    RecoveringLeave = "recovering_leave";
    RecoveringList = "recovering_list";
    RegionList = "region_list";
    RegionUpsert = "region_upsert";
}
