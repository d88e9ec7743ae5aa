//! Which ports the pieces of a dev cloud listen on. Kept in the data directory, so that a restart finds its clients again.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::path::Path;

use anyhow::{Context, bail};
use rand::Rng;

use super::ready_file::write_private;

/// Where free ports are looked for: below what systems hand out to outgoing connections, so that a cloud which restarts
/// finds its ports free.
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

/// Addresses by name, and the sockets that listen on them: a port that is settled stays ours.
#[derive(Debug)]
pub(crate) struct Ports {
    addresses: BTreeMap<&'static str, SocketAddr>,
    /// Those that are not handed over yet.
    listeners: BTreeMap<&'static str, TcpListener>,
}

impl Ports {
    /// Settles all ports and keeps free ones in `file`. A chosen port that is taken is an error, and nothing is written then.
    pub(crate) fn settle(file: &Path, wanted: &[Wanted]) -> anyhow::Result<Self> {
        let kept = read(file)?;
        let mut listeners = BTreeMap::new();
        let mut addresses = BTreeMap::new();
        let chosen: BTreeSet<u16> = wanted.iter().filter_map(|wanted| wanted.port).collect();
        for wanted in wanted {
            let listener = match wanted.port {
                Some(port) => TcpListener::bind((wanted.ip, port))
                    .with_context(|| format!("cannot listen on {}:{port} ({})", wanted.ip, wanted.name))?,
                None => free(wanted.ip, kept.get(wanted.name).copied(), &chosen)?,
            };
            addresses.insert(wanted.name, listener.local_addr()?);
            listeners.insert(wanted.name, listener);
        }
        let numbers: BTreeMap<&str, u16> =
            addresses.iter().map(|(name, address)| (*name, address.port())).collect();
        write_private(file, (serde_json::to_string_pretty(&numbers)? + "\n").as_bytes())
            .with_context(|| format!("ports {}", file.display()))?;
        Ok(Self { addresses, listeners })
    }

    /// The address of a name that was wanted.
    pub(crate) fn get(&self, name: &str) -> SocketAddr {
        *self.addresses.get(name).unwrap_or_else(|| panic!("port {name} was not wanted"))
    }

    /// Hands over the sockets that listen on `addresses`, each once.
    pub(crate) fn take_listeners(&mut self, addresses: &[SocketAddr]) -> Vec<TcpListener> {
        let Self { addresses: by_name, listeners } = self;
        listeners
            .extract_if(.., |name, _| addresses.contains(&by_name[name]))
            .map(|(_, listener)| listener)
            .collect()
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
        let addresses = first.addresses.clone();
        drop(first);
        assert_eq!(Ports::settle(&file, &both).unwrap().addresses, addresses);
    }

    #[test]
    fn a_kept_port_that_is_taken_now_gives_way() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("ports.json");
        let first = Ports::settle(&file, &[wanted("gateway", None)]).unwrap();
        // The first one still listens.
        let second = Ports::settle(&file, &[wanted("gateway", None)]).unwrap();
        assert_ne!(second.get("gateway"), first.get("gateway"));
    }

    #[test]
    fn settled_ports_are_listening_until_handed_over_and_dropped() {
        let directory = tempfile::tempdir().unwrap();
        let both = [wanted("gateway", None), wanted("cloud", None)];
        let mut ports = Ports::settle(&directory.path().join("ports.json"), &both).unwrap();
        let [gateway, cloud] = ["gateway", "cloud"].map(|name| ports.get(name));
        let taken = ports.take_listeners(&[gateway]);
        assert_eq!(taken.len(), 1);
        assert_eq!(taken[0].local_addr().unwrap(), gateway);
        assert!(ports.take_listeners(&[gateway]).is_empty(), "handed over already");
        drop(taken);
        std::net::TcpStream::connect(gateway).unwrap_err();
        std::net::TcpStream::connect(cloud).unwrap();
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
