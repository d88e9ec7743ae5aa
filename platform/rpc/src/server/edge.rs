use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use http::HeaderMap;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::config::ServerConfig;

/// In which proxies name who they forward for, one behind the other.
const FORWARDED_FOR: &str = "x-forwarded-for";

/// What an operator says of strangers, and of the proxies that they come through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EdgeConfig {
    /// As [`ServerConfig::trusted_peers`].
    pub trusted_peers: Vec<Net>,
    /// As [`ServerConfig::max_connections`].
    pub max_connections: usize,
    /// As [`ServerConfig::max_streams_per_stranger`].
    pub max_streams_per_stranger: u32,
    /// As [`ServerConfig::answer_timeout_seconds`].
    pub answer_timeout_seconds: u64,
}

impl Default for EdgeConfig {
    fn default() -> Self {
        let ServerConfig {
            trusted_peers,
            max_connections,
            max_streams_per_stranger,
            answer_timeout_seconds,
            ..
        } = ServerConfig::default();
        Self { trusted_peers, max_connections, max_streams_per_stranger, answer_timeout_seconds }
    }
}

impl ServerConfig {
    /// The same, where strangers connect as `edge` says.
    pub fn at_edge(self, edge: EdgeConfig) -> Self {
        let EdgeConfig { trusted_peers, max_connections, max_streams_per_stranger, answer_timeout_seconds } =
            edge;
        Self { trusted_peers, max_connections, max_streams_per_stranger, answer_timeout_seconds, ..self }
    }
}

/// An address, or a net of them: `10.0.0.7`, `10.0.0.0/16`, `2001:db8::/48`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Net(IpNet);

/// What is neither.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is neither an address nor a net such as 10.0.0.0/16")]
pub struct InvalidNet(String);

impl Net {
    /// Whether this address is in it. IPv4 is the same on a socket for both kinds.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }
}

impl FromStr for Net {
    type Err = InvalidNet;

    fn from_str(text: &str) -> Result<Self, InvalidNet> {
        let address = || text.parse::<IpAddr>().map(|address| address.to_canonical().into());
        text.parse().or_else(|_| address()).map(Self).map_err(|_| InvalidNet(text.to_owned()))
    }
}

impl TryFrom<String> for Net {
    type Error = InvalidNet;

    fn try_from(text: String) -> Result<Self, InvalidNet> {
        text.parse()
    }
}

impl From<Net> for String {
    fn from(net: Net) -> Self {
        net.to_string()
    }
}

impl fmt::Display for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Whose call it is that a trusted proxy at `proxy` passed on: of whom it took it, which it wrote down last. What
/// stands before that anybody may have written. Of a proxy that writes nothing down, all calls are its own.
pub(super) fn forwarded_for(headers: &HeaderMap, proxy: SocketAddr) -> SocketAddr {
    let named = || {
        let last = headers.get_all(FORWARDED_FOR).iter().next_back()?.to_str().ok()?;
        let last = last.rsplit(',').next()?.trim();
        let address = last.trim_start_matches('[').trim_end_matches(']');
        last.parse().ok().or_else(|| Some(SocketAddr::new(address.parse().ok()?, 0)))
    };
    named().unwrap_or(proxy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_net_is_an_address_or_a_prefix() {
        let holds = |net: &str, address: &str| {
            net.parse::<Net>().map(|net| net.contains(address.parse().unwrap())).ok()
        };
        assert_eq!(holds("10.0.0.7", "10.0.0.7"), Some(true));
        assert_eq!(holds("10.0.0.7", "::ffff:10.0.0.7"), Some(true), "a socket for both kinds");
        assert_eq!(holds("::ffff:10.0.0.7", "10.0.0.7"), Some(true));
        assert_eq!(holds("10.0.0.7", "10.0.0.8"), Some(false));
        assert_eq!(holds("10.1.0.0/16", "10.1.200.3"), Some(true));
        assert_eq!(holds("10.1.0.0/16", "10.2.0.1"), Some(false));
        assert_eq!(holds("2001:db8::/48", "2001:db8:0:5::1"), Some(true));
        assert_eq!(holds("2001:db8::/48", "10.0.0.1"), Some(false));
        for wrong in ["", "proxy.example", "10.0.0", "10.0.0.0/33", "10.0.0.7:443"] {
            assert_eq!(holds(wrong, "10.0.0.7"), None, "{wrong:?}");
        }
    }

    #[test]
    fn of_what_a_proxy_says_only_the_last_hop_counts() {
        let proxy: SocketAddr = "10.0.0.1:5".parse().unwrap();
        let caller = |lines: &[&str]| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(FORWARDED_FOR, line.parse().unwrap());
            }
            forwarded_for(&headers, proxy).to_string()
        };
        assert_eq!(caller(&["192.0.2.1"]), "192.0.2.1:0");
        assert_eq!(caller(&["198.51.100.9, 192.0.2.1"]), "192.0.2.1:0");
        assert_eq!(caller(&["198.51.100.9", "203.0.113.5,192.0.2.1 "]), "192.0.2.1:0");
        assert_eq!(caller(&["192.0.2.1:443"]), "192.0.2.1:443");
        assert_eq!(caller(&["2001:db8::1"]), "[2001:db8::1]:0");
        assert_eq!(caller(&["[2001:db8::1]"]), "[2001:db8::1]:0");
        assert_eq!(caller(&["[2001:db8::1]:443"]), "[2001:db8::1]:443");
        for nobody in [&[][..], &[""], &["unknown"], &["192.0.2.1, unknown"], &["192.0.2.1,"]] {
            assert_eq!(caller(nobody), "10.0.0.1:5", "{nobody:?}");
        }
    }
}
