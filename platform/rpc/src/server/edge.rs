use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::str::FromStr;

use http::HeaderMap;
use ipnet::{IpNet, Ipv6Net};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

use super::config::ServerConfig;

/// In which proxies name who they forward for, one behind the other.
const FORWARDED_FOR: &str = "x-forwarded-for";

/// Shortest prefixes of nets of proxies: the largest net of private addresses, and what a provider has of IPv6. In a
/// wider one there is everybody.
const WIDEST_V4: u8 = 8;
const WIDEST_V6: u8 = 32;
/// Where a socket for both kinds has the addresses of IPv4.
const MAPPED: Ipv6Net = Ipv6Net::new_assert(Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0), 96);

/// Connections that an operator may allow: each takes a file descriptor.
const CONNECTIONS: RangeInclusive<u64> = 1..=1_000_000;
/// Calls at a time on a connection that an operator may allow.
const STREAMS: RangeInclusive<u64> = 1..=20_000;
/// Seconds, up to a day, for which an operator may let answers lie.
const ANSWER_SECONDS: RangeInclusive<u64> = 1..=86_400;

/// What an operator says of strangers, and of the proxies that they come through. What cannot be meant is refused when
/// it is read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EdgeConfig {
    /// As [`ServerConfig::trusted_peers`].
    pub trusted_peers: Vec<Net>,
    /// As [`ServerConfig::max_connections`].
    #[serde(deserialize_with = "connections")]
    pub max_connections: usize,
    /// As [`ServerConfig::max_streams_per_stranger`].
    #[serde(deserialize_with = "streams")]
    pub max_streams_per_stranger: u32,
    /// As [`ServerConfig::answer_timeout_seconds`].
    #[serde(deserialize_with = "answer_seconds")]
    pub answer_timeout_seconds: u64,
}

fn connections<'de, D: Deserializer<'de>>(value: D) -> Result<usize, D::Error> {
    within(value, "max_connections", CONNECTIONS)
}

fn streams<'de, D: Deserializer<'de>>(value: D) -> Result<u32, D::Error> {
    within(value, "max_streams_per_stranger", STREAMS)
}

fn answer_seconds<'de, D: Deserializer<'de>>(value: D) -> Result<u64, D::Error> {
    within(value, "answer_timeout_seconds", ANSWER_SECONDS)
}

/// A number that may stand at a key, or a refusal that says which may.
fn within<'de, D, N>(value: D, key: &str, allowed: RangeInclusive<u64>) -> Result<N, D::Error>
where
    D: Deserializer<'de>,
    N: TryFrom<u64>,
{
    let number = i64::deserialize(value)?;
    u64::try_from(number).ok().filter(|it| allowed.contains(it)).and_then(|it| it.try_into().ok()).ok_or_else(
        || {
            let (least, most) = allowed.into_inner();
            D::Error::custom(format!("edge.{key} is {number}, and must be from {least} to {most}"))
        },
    )
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

/// Why a text is no net of proxies.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidNet {
    /// It is neither an address nor a net.
    #[error("{0:?} is neither an address nor a net such as 10.0.0.0/16")]
    Unreadable(String),
    /// Strangers have addresses in it, too.
    #[error("{0} is too wide for proxies that are trusted: /{WIDEST_V4} at least, or /{WIDEST_V6} of IPv6")]
    TooWide(IpNet),
    /// Peers with these addresses are looked for by those of IPv4.
    #[error("{0} holds mapped addresses of IPv4: write the net of IPv4")]
    Mapped(IpNet),
}

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
        let net: IpNet =
            text.parse().or_else(|_| address()).map_err(|_| InvalidNet::Unreadable(text.to_owned()))?;
        match net {
            IpNet::V6(v6) if MAPPED.contains(&v6.network()) => Err(InvalidNet::Mapped(net)),
            IpNet::V4(v4) if v4.prefix_len() < WIDEST_V4 => Err(InvalidNet::TooWide(net)),
            IpNet::V6(v6) if v6.prefix_len() < WIDEST_V6 || v6.contains(&MAPPED) => {
                Err(InvalidNet::TooWide(net))
            }
            _ => Ok(Self(net)),
        }
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
        let last = headers.get_all(FORWARDED_FOR).iter().next_back()?.as_bytes();
        // What callers wrote before it need not be text.
        let last = std::str::from_utf8(last.rsplit(|byte| *byte == b',').next()?).ok()?.trim();
        let address = last.trim_start_matches('[').trim_end_matches(']');
        last.parse().ok().or_else(|| Some(SocketAddr::new(address.parse().ok()?, 0)))
    };
    named().unwrap_or(proxy)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

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
            assert_eq!(wrong.parse::<Net>(), Err(InvalidNet::Unreadable(wrong.to_owned())));
        }
    }

    #[test]
    fn a_net_with_strangers_in_it_or_with_nobody_is_refused() {
        for wide in ["0.0.0.0/0", "::/0", "10.0.0.0/7", "2001:db8::/31", "::/32", "::/80"] {
            let refused = wide.parse::<Net>();
            assert!(matches!(refused, Err(InvalidNet::TooWide(_))), "{wide}: {refused:?}");
        }
        for mapped in ["::ffff:10.0.0.0/104", "::ffff:0:0/96", "::ffff:10.0.0.7/128"] {
            let refused = mapped.parse::<Net>();
            assert!(matches!(refused, Err(InvalidNet::Mapped(_))), "{mapped}: {refused:?}");
        }
        for fits in ["10.0.0.0/8", "2001:db8::/32", "::1", "fd00::/48"] {
            fits.parse::<Net>().unwrap();
        }
    }

    #[test]
    fn what_no_operator_can_mean_is_refused_in_one_line() {
        // As a piece's configuration is read.
        let read = |text: &str| {
            let table: toml::Table = text.parse().unwrap();
            toml::Value::Table(table).try_into::<EdgeConfig>().map_err(|it| it.message().to_owned())
        };
        assert_eq!(read(""), Ok(EdgeConfig::default()));
        for (key, most) in [
            ("max_connections", 1_000_000),
            ("max_streams_per_stranger", 20_000),
            ("answer_timeout_seconds", 86_400),
        ] {
            read(&format!("{key} = 1")).unwrap();
            read(&format!("{key} = {most}")).unwrap();
            for wrong in [0, -1, most + 1, i64::MAX] {
                let refused = read(&format!("{key} = {wrong}")).unwrap_err();
                assert_eq!(refused, format!("edge.{key} is {wrong}, and must be from 1 to {most}"));
            }
        }
        let refused = read("trusted_peers = [\"0.0.0.0/0\"]").unwrap_err();
        assert!(refused.contains("0.0.0.0/0 is too wide") && refused.lines().count() == 1, "{refused}");
    }

    #[test]
    fn of_what_a_proxy_says_only_the_last_hop_counts() {
        let proxy: SocketAddr = "10.0.0.1:5".parse().unwrap();
        let caller = |lines: &[&str]| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(FORWARDED_FOR, HeaderValue::from_bytes(line.as_bytes()).unwrap());
            }
            forwarded_for(&headers, proxy).to_string()
        };
        assert_eq!(caller(&["192.0.2.1"]), "192.0.2.1:0");
        assert_eq!(caller(&["198.51.100.9, 192.0.2.1"]), "192.0.2.1:0");
        assert_eq!(caller(&["198.51.100.9", "203.0.113.5,192.0.2.1 "]), "192.0.2.1:0");
        assert_eq!(
            caller(&["anyb\u{f6}dy, 192.0.2.1"]),
            "192.0.2.1:0",
            "what callers write need not be text"
        );
        assert_eq!(caller(&["192.0.2.1:443"]), "192.0.2.1:443");
        assert_eq!(caller(&["2001:db8::1"]), "[2001:db8::1]:0");
        assert_eq!(caller(&["[2001:db8::1]"]), "[2001:db8::1]:0");
        assert_eq!(caller(&["[2001:db8::1]:443"]), "[2001:db8::1]:443");
        for nobody in
            [&[][..], &[""], &["unknown"], &["192.0.2.1, unknown"], &["192.0.2.1,"], &["192.0.2.1, \u{f6}"]]
        {
            assert_eq!(caller(nobody), "10.0.0.1:5", "{nobody:?}");
        }
    }
}
