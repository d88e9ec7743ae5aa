//! Which ports the pieces of a dev cloud listen on. Kept in the data directory, so that a restart finds its clients again.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::path::Path;

use anyhow::{Context, bail};
use rand::Rng;

use super::ready_file::write_private;

/// Where free ports are looked for: below what systems hand out to outgoing connections, so that a piece which restarts
/// finds its port free.
const FREE_PORTS: std::ops::Range<u16> = 20_000..30_000;

/// A port to have: what it is for, where it listens, and its number where the user chose one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted {
    /// Name it is kept under.
    pub(crate) name: &'static str,
    /// Address it listens on.
    pub(crate) ip: IpAddr,
    /// Its number; none for a free one, the same as last time where that is still free.
    pub(crate) port: Option<u16>,
}

/// Numbers by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ports(BTreeMap<String, SocketAddr>);

impl Ports {
    /// Settles all ports and keeps free ones in `file`. A chosen port that is taken is an error, and nothing is written then.
    pub(crate) fn settle(file: &Path, wanted: &[Wanted]) -> anyhow::Result<Self> {
        let kept = read(file)?;
        // Held until all are settled: none is given out twice.
        let mut listeners = Vec::new();
        let mut settled = BTreeMap::new();
        let chosen: BTreeSet<u16> = wanted.iter().filter_map(|wanted| wanted.port).collect();
        for wanted in wanted {
            let listener = match wanted.port {
                Some(port) => TcpListener::bind((wanted.ip, port))
                    .with_context(|| format!("cannot listen on {}:{port} ({})", wanted.ip, wanted.name))?,
                None => free(wanted.ip, kept.get(wanted.name).copied(), &chosen)?,
            };
            settled.insert(wanted.name.to_owned(), listener.local_addr()?);
            listeners.push(listener);
        }
        let numbers: BTreeMap<&str, u16> =
            settled.iter().map(|(name, address)| (name.as_str(), address.port())).collect();
        write_private(file, (serde_json::to_string_pretty(&numbers)? + "\n").as_bytes())
            .with_context(|| format!("ports {}", file.display()))?;
        Ok(Self(settled))
    }

    /// The address of a name that was wanted.
    pub(crate) fn get(&self, name: &str) -> SocketAddr {
        *self.0.get(name).unwrap_or_else(|| panic!("port {name} was not wanted"))
    }
}

fn read(file: &Path) -> anyhow::Result<BTreeMap<String, u16>> {
    match std::fs::read_to_string(file) {
        Ok(text) => serde_json::from_str(&text).with_context(|| format!("ports {}", file.display())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(BTreeMap::new()),
        Err(error) => Err(error).with_context(|| format!("ports {}", file.display())),
    }
}

/// The port of last time, or the first free one after a random start.
fn free(ip: IpAddr, last: Option<u16>, taken: &BTreeSet<u16>) -> anyhow::Result<TcpListener> {
    let start = rand::rng().random_range(FREE_PORTS);
    let around = (start..FREE_PORTS.end).chain(FREE_PORTS.start..start);
    let mut candidates = last.into_iter().chain(around).filter(|port| !taken.contains(port));
    match candidates.find_map(|port| TcpListener::bind((ip, port)).ok()) {
        Some(listener) => Ok(listener),
        None => bail!("no free port on {ip}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn wanted(name: &'static str, port: Option<u16>) -> Wanted {
        Wanted { name, ip: HERE, port }
    }

    #[test]
    fn free_ports_differ_and_stay_the_same_after_a_restart() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("ports.json");
        let both = [wanted("gateway", None), wanted("cloud", None)];
        let first = Ports::settle(&file, &both).unwrap();
        assert_ne!(first.get("gateway"), first.get("cloud"));
        assert_eq!(Ports::settle(&file, &both).unwrap(), first);
    }

    #[test]
    fn a_kept_port_that_is_taken_now_gives_way() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("ports.json");
        let first = Ports::settle(&file, &[wanted("gateway", None)]).unwrap();
        let _taken = TcpListener::bind(first.get("gateway")).unwrap();
        let second = Ports::settle(&file, &[wanted("gateway", None)]).unwrap();
        assert_ne!(second.get("gateway"), first.get("gateway"));
    }

    #[test]
    fn a_chosen_port_that_is_taken_is_an_error_and_leaves_no_trace() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("ports.json");
        let taken = TcpListener::bind((HERE, 0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        let error = Ports::settle(&file, &[wanted("gateway", Some(port))]).unwrap_err();
        assert!(
            format!("{error:#}").contains(&format!("cannot listen on 127.0.0.1:{port} (gateway)")),
            "{error:#}"
        );
        assert!(!file.exists());
    }
}
