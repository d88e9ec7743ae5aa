//! What each method needs, as data. A method that is not here is refused as not implemented, whatever implements it.

use crate::model::Permission;

/// What a caller has to be or have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Needs {
    /// Any valid key, an operator's too.
    Anyone,
    /// A key of any account; the method looks at the rest itself.
    Member,
    /// A role that reads its account.
    ReadAccount,
    /// A role that reads its account's usage.
    ReadUsage,
    /// A role that creates namespaces.
    CreateNamespaces,
    /// At least this permission on the namespace that the request names.
    Namespace(Permission),
    /// An operator of the cloud.
    Operator,
    /// An operator, or another piece of the cloud.
    OperatorOrInternal,
    /// Another piece of the cloud.
    Internal,
}

const CLOUD: &str = "temporal.api.cloud.cloudservice.v1.CloudService";
const OPERATOR: &str = "atoll.operator.v1.OperatorService";
const ROUTING: &str = "atoll.cell.v1.RoutingService";

/// Service, method, need.
pub(super) const RULES: &[(&str, &str, Needs)] = &[
    (CLOUD, "CreateNamespace", Needs::CreateNamespaces),
    (CLOUD, "UpdateNamespace", Needs::Namespace(Permission::Write)),
    (CLOUD, "DeleteNamespace", Needs::Namespace(Permission::Admin)),
    (CLOUD, "GetNamespace", Needs::Namespace(Permission::Read)),
    // Shows what the caller may see.
    (CLOUD, "GetNamespaces", Needs::Member),
    (CLOUD, "GetAsyncOperation", Needs::Member),
    (CLOUD, "GetRegions", Needs::Anyone),
    (CLOUD, "GetRegion", Needs::Anyone),
    // Administrators for everybody, others for themselves.
    (CLOUD, "CreateApiKey", Needs::Member),
    (CLOUD, "GetApiKeys", Needs::Member),
    (CLOUD, "GetApiKey", Needs::Member),
    (CLOUD, "DeleteApiKey", Needs::Member),
    (CLOUD, "GetUsers", Needs::ReadAccount),
    (CLOUD, "GetUser", Needs::ReadAccount),
    (CLOUD, "GetCurrentIdentity", Needs::Member),
    (CLOUD, "GetAccount", Needs::ReadAccount),
    (CLOUD, "GetUsage", Needs::ReadUsage),
    (OPERATOR, "CreateAccount", Needs::Operator),
    (OPERATOR, "CreateAccountKey", Needs::Operator),
    (OPERATOR, "GetAccount", Needs::OperatorOrInternal),
    (OPERATOR, "ListAccounts", Needs::Operator),
    (OPERATOR, "ListCells", Needs::Operator),
    (OPERATOR, "DrainCell", Needs::Operator),
    (OPERATOR, "UndrainCell", Needs::Operator),
    (OPERATOR, "OverwriteCell", Needs::Operator),
    (OPERATOR, "ListAuditRecords", Needs::Operator),
    (ROUTING, "WatchRoutes", Needs::Internal),
];

/// What the method at `/service/method` needs; none for a method that is not in the table.
pub(crate) fn needs(path: &str) -> Option<Needs> {
    let (service, method) = path.strip_prefix('/')?.split_once('/')?;
    RULES.iter().find(|rule| rule.0 == service && rule.1 == method).map(|rule| rule.2)
}
