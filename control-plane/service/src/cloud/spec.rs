//! Checks a namespace's settings.
#![allow(deprecated, reason = "clients still send the fields that newer ones replace")]

use atoll_api::temporal::api::cloud::namespace::v1::capacity_spec::Spec as Capacity;
use atoll_api::temporal::api::cloud::namespace::v1::namespace_spec::SearchAttributeType;
use atoll_api::temporal::api::cloud::namespace::v1::{
    ApiKeyAuthSpec, CodecServerSpec, FairnessSpec, HighAvailabilitySpec, MtlsAuthSpec, NamespaceSpec,
};
use atoll_internal_api::entity::LISTED;

use crate::error::ApiError;
use crate::names::{check_display, check_namespace_name, shortened};

/// Days that closed workflows are kept.
const RETENTION_DAYS: std::ops::RangeInclusive<i32> = 1..=90;
/// Longest URL of a codec server.
const MAX_ENDPOINT: usize = 2_048;
/// Names that no custom search attribute may have, beside all that begin with `Temporal` and those in the list of
/// entities that lists show ([`LISTED`]).
const RESERVED_ATTRIBUTES: &[&str] = &[
    "WorkflowId",
    "RunId",
    "WorkflowType",
    "ExecutionStatus",
    "TaskQueue",
    "ParentWorkflowId",
    "ParentRunId",
    "RootWorkflowId",
    "RootRunId",
    "StartTime",
    "ExecutionTime",
    "CloseTime",
    "HistoryLength",
    "ExecutionDuration",
    "StateTransitionCount",
    "HistorySizeBytes",
    "BinaryChecksums",
    "BuildIds",
    "BatcherNamespace",
    "BatcherUser",
];
/// Custom search attributes of a namespace.
const MAX_SEARCH_ATTRIBUTES: usize = 100;

/// Checks settings by themselves, and brings what newer fields replace into them.
pub(super) fn checked(mut spec: NamespaceSpec) -> Result<NamespaceSpec, ApiError> {
    check_namespace_name(&spec.name)?;
    if !RETENTION_DAYS.contains(&spec.retention_days) {
        return invalid(format!(
            "retention_days takes {} to {}",
            RETENTION_DAYS.start(),
            RETENTION_DAYS.end()
        ));
    }
    refuse_unbuilt(&spec)?;
    for (name, kind) in std::mem::take(&mut spec.custom_search_attributes) {
        let Some(kind) = type_by_name(&kind) else {
            let (name, kind) = (shortened(&name), shortened(&kind));
            return invalid(format!("search attribute {name:?} has unknown type {kind:?}"));
        };
        spec.search_attributes.insert(name, kind as i32);
    }
    if spec.search_attributes.len() > MAX_SEARCH_ATTRIBUTES {
        return invalid(format!("a namespace takes at most {MAX_SEARCH_ATTRIBUTES} search attributes"));
    }
    for (name, kind) in &spec.search_attributes {
        let known =
            SearchAttributeType::try_from(*kind).is_ok_and(|kind| kind != SearchAttributeType::Unspecified);
        let fits = (1..=64).contains(&name.len())
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'));
        if !known || !fits {
            return invalid(format!("search attribute {:?} has an invalid name or type", shortened(name)));
        }
        if is_reserved(name) {
            return invalid(format!("search attribute {name:?} is reserved: every namespace has it"));
        }
    }
    check_codec_server(&spec)?;
    // Keys are the one way to authenticate, also for who says nothing: the settings show it.
    spec.api_key_auth = Some(ApiKeyAuthSpec { enabled: true });
    Ok(spec)
}

/// Whether every namespace has a search attribute of this name, or might come to have.
fn is_reserved(name: &str) -> bool {
    name.starts_with("Temporal")
        || RESERVED_ATTRIBUTES.contains(&name)
        || LISTED.iter().any(|kind| kind.reserves(name))
}

/// The one region that settings ask for.
pub(super) fn region(spec: &NamespaceSpec) -> Result<&str, ApiError> {
    let replicas: Vec<&str> = spec.replicas.iter().map(|replica| replica.region.as_str()).collect();
    let regions: Vec<&str> = spec.regions.iter().map(String::as_str).collect();
    if !replicas.is_empty() && !regions.is_empty() && replicas != regions {
        return Err(ApiError::InvalidArgument("regions and replicas name different regions".to_owned()));
    }
    match if replicas.is_empty() { regions.as_slice() } else { replicas.as_slice() } {
        [region] => Ok(region),
        [] => Err(ApiError::InvalidArgument("a region is required".to_owned())),
        _ => Err(ApiError::InvalidArgument("namespaces with several regions are not available".to_owned())),
    }
}

/// Checks that settings may follow others.
pub(super) fn check_change(old: &NamespaceSpec, new: &NamespaceSpec) -> Result<(), ApiError> {
    if old.name != new.name {
        return invalid("the name of a namespace cannot be changed");
    }
    // Settings without a region keep the one that is there.
    if !(new.regions.is_empty() && new.replicas.is_empty()) && region(old)? != region(new)? {
        return invalid("the region of a namespace cannot be changed");
    }
    for (name, kind) in &old.search_attributes {
        match new.search_attributes.get(name) {
            Some(same) if same == kind => {}
            Some(_) => return invalid(format!("the type of search attribute {name:?} cannot be changed")),
            None => return invalid(format!("search attribute {name:?} cannot be deleted")),
        }
    }
    Ok(())
}

/// Refuses what would be promised and not kept.
fn refuse_unbuilt(spec: &NamespaceSpec) -> Result<(), ApiError> {
    let provisioned = spec
        .capacity_spec
        .as_ref()
        .is_some_and(|capacity| matches!(capacity.spec, Some(Capacity::Provisioned(_))));
    let certificates = |auth: &MtlsAuthSpec| *auth != MtlsAuthSpec::default();
    let availability = |wanted: &HighAvailabilitySpec| *wanted != HighAvailabilitySpec::default();
    let fairness = |wanted: &FairnessSpec| wanted.task_queue_fairness_enabled;
    let asked = [
        ("a namespace without api_key_auth", spec.api_key_auth.as_ref().is_some_and(|auth| !auth.enabled)),
        ("mtls_auth", spec.mtls_auth.as_ref().is_some_and(certificates)),
        ("high_availability", spec.high_availability.as_ref().is_some_and(availability)),
        ("fairness", spec.fairness.as_ref().is_some_and(fairness)),
        ("connectivity_rule_ids", !spec.connectivity_rule_ids.is_empty()),
        ("capacity_spec.provisioned", provisioned),
    ];
    match asked.into_iter().find(|(_, asked)| *asked) {
        Some((field, _)) => invalid(format!("{field} is not available")),
        None => Ok(()),
    }
}

/// Checks what the web interface is to decode payloads with: it follows the endpoint, with a token where told so.
fn check_codec_server(spec: &NamespaceSpec) -> Result<(), ApiError> {
    let Some(codec) = spec.codec_server.as_ref().filter(|codec| **codec != CodecServerSpec::default()) else {
        return Ok(());
    };
    let is_url = codec.endpoint.parse::<axum::http::Uri>().is_ok_and(|uri| {
        uri.host().is_some_and(|host| !host.is_empty()) && matches!(uri.scheme_str(), Some("https" | "http"))
    });
    if !is_url || codec.endpoint.len() > MAX_ENDPOINT {
        return invalid(format!(
            "codec_server.endpoint takes an http or https URL of at most {MAX_ENDPOINT} bytes"
        ));
    }
    if let Some(error) = codec.custom_error_message.as_ref().and_then(|error| error.default.as_ref()) {
        check_display("codec_server.custom_error_message.default.message", &error.message)?;
        check_display("codec_server.custom_error_message.default.link", &error.link)?;
    }
    Ok(())
}

fn type_by_name(name: &str) -> Option<SearchAttributeType> {
    Some(match name.to_ascii_lowercase().as_str() {
        "text" => SearchAttributeType::Text,
        "keyword" => SearchAttributeType::Keyword,
        "int" => SearchAttributeType::Int,
        "double" => SearchAttributeType::Double,
        "bool" => SearchAttributeType::Bool,
        "datetime" => SearchAttributeType::Datetime,
        "keyword_list" | "keywordlist" => SearchAttributeType::KeywordList,
        _ => return None,
    })
}

fn invalid<T>(text: impl Into<String>) -> Result<T, ApiError> {
    Err(ApiError::InvalidArgument(text.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::spec;

    fn refused(change: impl FnOnce(&mut NamespaceSpec)) -> String {
        let mut spec = spec("orders");
        change(&mut spec);
        match checked(spec) {
            Err(ApiError::InvalidArgument(text)) => text,
            other => panic!("not refused: {other:?}"),
        }
    }

    #[test]
    fn settings_are_checked_field_by_field() {
        assert!(checked(spec("orders")).is_ok());
        assert!(refused(|spec| spec.name = "Orders".to_owned()).contains("namespace name"));
        for days in [0, -1, 91] {
            assert!(refused(|spec| spec.retention_days = days).contains("retention_days"));
        }
        assert!(
            refused(|spec| spec.connectivity_rule_ids.push("r".to_owned())).contains("connectivity_rule_ids")
        );
        assert!(refused(|spec| spec.mtls_auth = Some(enabled_mtls())).contains("mtls_auth"));
        assert!(
            refused(|spec| {
                spec.search_attributes.insert("a b".to_owned(), 1);
            })
            .contains("a b")
        );
        assert!(
            refused(|spec| {
                spec.search_attributes.insert("a".to_owned(), 0);
            })
            .contains("\"a\"")
        );
        assert!(
            refused(|spec| {
                spec.search_attributes.insert("a".to_owned(), 99);
            })
            .contains("\"a\"")
        );
        for name in ["WorkflowId", "BuildIds", "ScheduleId", "TemporalAnything"] {
            assert!(
                refused(|spec| _ = spec.search_attributes.insert(name.to_owned(), 2)).contains("reserved")
            );
        }
    }

    /// What nothing here follows is refused, not kept as if it did.
    #[test]
    fn settings_that_nothing_follows_are_refused() {
        let certificates = MtlsAuthSpec { accepted_client_ca: b"ca".to_vec().into(), ..Default::default() };
        assert!(refused(|spec| spec.mtls_auth = Some(certificates)).contains("mtls_auth"));
        let availability = HighAvailabilitySpec { disable_managed_failover: true, ..Default::default() };
        assert!(refused(|spec| spec.high_availability = Some(availability)).contains("high_availability"));
        let fairness = FairnessSpec { task_queue_fairness_enabled: true };
        assert!(refused(|spec| spec.fairness = Some(fairness)).contains("fairness"));
        let keyless = ApiKeyAuthSpec { enabled: false };
        assert!(refused(|spec| spec.api_key_auth = Some(keyless)).contains("api_key_auth"));
        let unsaid = checked(NamespaceSpec { api_key_auth: None, ..spec("orders") }).unwrap();
        assert_eq!(unsaid.api_key_auth, Some(ApiKeyAuthSpec { enabled: true }));
    }

    #[test]
    fn a_codec_server_has_a_url() {
        let with = |endpoint: &str| NamespaceSpec {
            codec_server: Some(CodecServerSpec { endpoint: endpoint.to_owned(), ..Default::default() }),
            ..spec("orders")
        };
        for good in ["", "https://codec.example.com/path", "http://localhost:8081"] {
            assert!(checked(with(good)).is_ok(), "{good}");
        }
        let long = format!("https://{}.example.com", "x".repeat(5_000));
        for bad in ["codec", "/path", "ftp://codec", "javascript:alert(1)", "https://a b", &long] {
            assert!(matches!(checked(with(bad)), Err(ApiError::InvalidArgument(_))), "{bad}");
        }
    }

    fn enabled_mtls() -> atoll_api::temporal::api::cloud::namespace::v1::MtlsAuthSpec {
        atoll_api::temporal::api::cloud::namespace::v1::MtlsAuthSpec { enabled: true, ..Default::default() }
    }

    #[test]
    fn types_by_name_become_numbers() {
        let mut spec = spec("orders");
        spec.custom_search_attributes.insert("Tenant".to_owned(), "keyword".to_owned());
        let spec = checked(spec).unwrap();
        assert_eq!(spec.search_attributes["Tenant"], SearchAttributeType::Keyword as i32);
        assert!(spec.custom_search_attributes.is_empty());
    }

    #[test]
    fn one_region_is_taken_from_either_field() {
        let mut spec = spec("orders");
        assert_eq!(region(&spec).unwrap(), "local");
        spec.regions = vec!["elsewhere".to_owned()];
        spec.replicas = vec![replica("local")];
        assert!(region(&spec).is_err());
        spec.regions.clear();
        assert_eq!(region(&spec).unwrap(), "local");
        spec.replicas.push(replica("b"));
        assert!(region(&spec).is_err());
        spec.replicas.clear();
        assert!(region(&spec).is_err());
    }

    fn replica(region: &str) -> atoll_api::temporal::api::cloud::namespace::v1::ReplicaSpec {
        atoll_api::temporal::api::cloud::namespace::v1::ReplicaSpec { region: region.to_owned() }
    }

    #[test]
    fn names_regions_and_search_attributes_stay() {
        let mut old = spec("orders");
        old.search_attributes.insert("A".to_owned(), 1);
        assert!(check_change(&old, &old).is_ok());
        let changed = |change: &dyn Fn(&mut NamespaceSpec)| {
            let mut new = old.clone();
            change(&mut new);
            check_change(&old, &new)
        };
        assert!(changed(&|spec| spec.retention_days = 30).is_ok());
        assert!(
            changed(&|spec| {
                spec.search_attributes.insert("B".to_owned(), 2);
            })
            .is_ok()
        );
        assert!(changed(&|spec| spec.regions.clear()).is_ok());
        assert!(changed(&|spec| spec.name = "other".to_owned()).is_err());
        assert!(changed(&|spec| spec.regions = vec!["mars".to_owned()]).is_err());
        assert!(
            changed(&|spec| {
                spec.search_attributes.insert("A".to_owned(), 2);
            })
            .is_err()
        );
        assert!(changed(&|spec| spec.search_attributes.clear()).is_err());
    }
}
