use crate::cluster::ClusterInfo;
use atoll_api::call::{CallContext, Status};
use atoll_api::temporal::api::errordetails::v1::{
    ClientVersionNotSupportedFailure, ServerVersionNotSupportedFailure,
};
use atoll_rpc::{Gate, Interceptor};

/// Clients by the name they send, and the first major version that does not work. Others are not checked.
pub(crate) const SUPPORTED_CLIENTS: &[(&str, u64)] = &[
    ("Nexus-go-sdk", 2),
    ("temporal-cli", 2),
    ("temporal-go", 2),
    ("temporal-java", 2),
    ("temporal-php", 2),
    ("temporal-server", 2),
    ("temporal-typescript", 2),
    ("temporal-ui", 3),
];

/// Refuses clients that are known not to work with this server, by the versions that they send.
pub struct CheckClientVersion {
    server_version: Option<String>,
}

impl CheckClientVersion {
    /// A check on behalf of a cell; off unless `enabled` (`frontend.enableServerVersionCheck`).
    pub fn new(cluster: &ClusterInfo, enabled: bool) -> Self {
        Self { server_version: enabled.then(|| cluster.server_version.clone()) }
    }
}

impl Interceptor for CheckClientVersion {
    fn admit<'a>(&'a self, ctx: &'a mut CallContext) -> Gate<'a> {
        let Some(server) = &self.server_version else { return Gate::Now(Ok(())) };
        Gate::Now(check_client(ctx).and_then(|()| check_server(ctx, server)))
    }
}

fn check_client(ctx: &CallContext) -> Result<(), Status> {
    let (Some(name), Some(version)) = (ctx.header("client-name"), ctx.header("client-version")) else {
        return Ok(());
    };
    let Some((_, below)) = SUPPORTED_CLIENTS.iter().find(|(known, _)| *known == name) else { return Ok(()) };
    let parsed = parse(version).ok_or_else(|| {
        Status::invalid_argument("Unable to parse client version: No Major.Minor.Patch elements found")
    })?;
    if parsed[0] < *below {
        return Ok(());
    }
    let supported = format!("<{below}.0.0");
    Err(Status::failed_precondition(format!(
        "Client version {version} is not supported. Server supports {name} versions: {supported}"
    ))
    .with_detail(&ClientVersionNotSupportedFailure {
        client_version: version.to_owned(),
        client_name: name.to_owned(),
        supported_versions: supported,
    }))
}

fn check_server(ctx: &CallContext, server: &str) -> Result<(), Status> {
    let Some(range) = ctx.header("supported-server-versions").filter(|range| !range.trim().is_empty()) else {
        return Ok(());
    };
    let version = parse(server).unwrap_or_default();
    match in_range(version, range) {
        Some(true) => Ok(()),
        Some(false) => Err(Status::failed_precondition(format!(
            "Server version {server} is not supported. Client supports server versions: {range}"
        ))
        .with_detail(&ServerVersionNotSupportedFailure {
            server_version: server.to_owned(),
            client_supported_server_versions: range.to_owned(),
        })),
        None => Err(Status::invalid_argument(format!("Unable to parse supported server versions: {range}"))),
    }
}

/// `1.2.3`; what follows a `-` or `+` does not count.
fn parse(version: &str) -> Option<[u64; 3]> {
    let core = version.split(['-', '+']).next()?;
    let mut parts = core.split('.');
    let parsed = [parts.next()?.parse().ok()?, parts.next()?.parse().ok()?, parts.next()?.parse().ok()?];
    parts.next().is_none().then_some(parsed)
}

/// Whether a version is in a range: conditions that all hold, or several such sets between `||`. None if the text is no
/// range.
fn in_range(version: [u64; 3], range: &str) -> Option<bool> {
    let mut any = false;
    for set in range.split("||") {
        let mut all = true;
        for condition in set.split_whitespace() {
            let operator = condition.len() - condition.trim_start_matches(['<', '>', '=', '!']).len();
            let (operator, bound) = condition.split_at(operator);
            let bound = parse(bound)?;
            all &= match operator {
                "<" => version < bound,
                "<=" => version <= bound,
                ">" => version > bound,
                ">=" => version >= bound,
                "" | "=" | "==" => version == bound,
                "!" | "!=" => version != bound,
                _ => return None,
            };
        }
        any |= all;
    }
    Some(any)
}

#[cfg(test)]
mod tests {
    use super::*;
    use atoll_api::call::Code;

    fn check(headers: &[(&'static str, &str)], enabled: bool) -> Result<(), Status> {
        let cluster = ClusterInfo::lone("c", "h");
        let mut ctx = CallContext::unknown("/s/m");
        for (name, value) in headers {
            ctx.headers.insert(*name, value.parse().unwrap());
        }
        match CheckClientVersion::new(&cluster, enabled).admit(&mut ctx) {
            Gate::Now(outcome) => outcome,
            Gate::Later(_) => panic!("nothing to wait for"),
        }
    }

    #[test]
    fn texts_of_the_original() {
        let cases: [(&[(&str, &str)], &str); 3] = [
            (
                &[("client-name", "temporal-go"), ("client-version", "99.0.0")],
                "Client version 99.0.0 is not supported. Server supports temporal-go versions: <2.0.0",
            ),
            (
                &[("client-name", "temporal-go"), ("client-version", "zz")],
                "Unable to parse client version: No Major.Minor.Patch elements found",
            ),
            (
                &[("supported-server-versions", ">99.0.0")],
                "Server version 1.29.1 is not supported. Client supports server versions: >99.0.0",
            ),
        ];
        for (headers, message) in cases {
            assert_eq!(check(headers, true).unwrap_err().message, message);
            assert_eq!(check(headers, false), Ok(()));
        }
    }

    #[test]
    fn clients_that_work_pass() {
        let cases: [&[(&str, &str)]; 4] = [
            &[],
            &[("client-name", "temporal-go"), ("client-version", "1.35.0-rc.1")],
            &[("client-name", "temporal-python"), ("client-version", "zz")],
            &[("supported-server-versions", ">=1.0.0 <2.0.0 || >=3.0.0")],
        ];
        for headers in cases {
            assert_eq!(check(headers, true), Ok(()), "{headers:?}");
        }
        let nonsense = check(&[("supported-server-versions", "~>1")], true).unwrap_err();
        assert_eq!(nonsense.code, Code::InvalidArgument);
    }
}
