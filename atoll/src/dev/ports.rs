//! Which ports the pieces of a dev cloud listen on. Kept in the data directory, so that a restart finds its clients
//! again.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::path::Path;

use anyhow::{Context, bail};
use rand::Rng;

use super::ready_file::write_private;

/// Where free ports are looked for: below what systems hand out to outgoing connections, so that a cloud which restarts
/// finds its ports free.
const FREE_PORTS: std::ops::Range<u16> = 20_000..30_000;

/// Connections that wait to be accepted, as many as where a process binds by itself: those that come while a piece is
/// started again are among them.
const BACKLOG: i32 = 1024;

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

/// Sockets of the ports that the user chose.
#[derive(Debug, Default)]
pub(crate) struct Chosen(BTreeMap<&'static str, TcpListener>);

impl Chosen {
    /// Listens on those of the `wanted` ports that have a number. A port that is taken is an error; nothing is written.
    pub(crate) fn listen(wanted: &[Wanted]) -> anyhow::Result<Self> {
        let mut listeners = BTreeMap::new();
        for Wanted { name, ip, port } in wanted {
            let Some(port) = port else { continue };
            let address = SocketAddr::new(*ip, *port);
            let listener = listen(address).with_context(|| format!("cannot listen on {address} ({name})"))?;
            listeners.insert(*name, listener);
        }
        Ok(Self(listeners))
    }
}

impl Ports {
    /// Settles all ports and keeps their numbers in `file`; `chosen` are sockets of those that have one already.
    pub(crate) fn settle(file: &Path, wanted: &[Wanted], mut chosen: Chosen) -> anyhow::Result<Self> {
        let kept = read(file)?;
        let mut listeners = BTreeMap::new();
        let mut addresses = BTreeMap::new();
        for wanted in wanted {
            let listener = match chosen.0.remove(wanted.name) {
                Some(listener) => listener,
                None => free(wanted.ip, kept.get(wanted.name).copied())?,
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
fn free(ip: IpAddr, last: Option<u16>) -> anyhow::Result<TcpListener> {
    let start = rand::rng().random_range(FREE_PORTS);
    let mut candidates = last.into_iter().chain(start..FREE_PORTS.end).chain(FREE_PORTS.start..start);
    match candidates.find_map(|port| listen(SocketAddr::new(ip, port)).ok()) {
        Some(listener) => Ok(listener),
        None => bail!("no free port on {ip}"),
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(address)?;
    // Listens already, with a shorter queue.
    rustix::net::listen(&listener, BACKLOG)?;
    Ok(listener)
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;
    use std::time::Duration;

    use super::*;

    /// Less than it takes a client to try again where the queue was full.
    const PATIENCE: Duration = Duration::from_millis(900);
    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn wanted(name: &'static str, port: Option<u16>) -> Wanted {
        Wanted { name, ip: HERE, port }
    }

    fn settle(file: &Path, wanted: &[Wanted]) -> Ports {
        Ports::settle(file, wanted, Chosen::listen(wanted).unwrap()).unwrap()
    }

    #[test]
    fn free_ports_differ_and_stay_the_same_after_a_restart() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("ports.json");
        let both = [wanted("gateway", None), wanted("cloud", None)];
        let first = settle(&file, &both);
        assert_ne!(first.get("gateway"), first.get("cloud"));
        let addresses = first.addresses.clone();
        drop(first);
        assert_eq!(settle(&file, &both).addresses, addresses);
    }

    #[test]
    fn a_kept_port_that_is_taken_now_gives_way() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("ports.json");
        let first = settle(&file, &[wanted("gateway", None)]);
        // The first one still listens.
        let second = settle(&file, &[wanted("gateway", None)]);
        assert_ne!(second.get("gateway"), first.get("gateway"));
    }

    #[test]
    fn settled_ports_are_listening_until_handed_over_and_dropped() {
        let directory = tempfile::tempdir().unwrap();
        let both = [wanted("gateway", None), wanted("cloud", None)];
        let mut ports = settle(&directory.path().join("ports.json"), &both);
        let [gateway, cloud] = ["gateway", "cloud"].map(|name| ports.get(name));
        let taken = ports.take_listeners(&[gateway]);
        assert_eq!(taken.len(), 1);
        assert_eq!(taken[0].local_addr().unwrap(), gateway);
        assert!(ports.take_listeners(&[gateway]).is_empty(), "handed over already");
        drop(taken);
        TcpStream::connect(gateway).unwrap_err();
        TcpStream::connect(cloud).unwrap();
    }

    #[test]
    fn many_more_than_the_usual_queue_may_wait_to_be_accepted() {
        let directory = tempfile::tempdir().unwrap();
        let ports = settle(&directory.path().join("ports.json"), &[wanted("gateway", None)]);
        let address = ports.get("gateway");
        let waiting: Vec<_> = (0..300).map(|_| TcpStream::connect_timeout(&address, PATIENCE)).collect();
        assert!(waiting.iter().all(Result::is_ok));
    }

    #[test]
    fn a_chosen_port_that_is_taken_is_an_error() {
        for ip in [HERE, IpAddr::V6(std::net::Ipv6Addr::LOCALHOST)] {
            let taken = TcpListener::bind((ip, 0)).unwrap();
            let address = taken.local_addr().unwrap();
            let wanted = Wanted { name: "gateway", ip, port: Some(address.port()) };
            let error = format!("{:#}", Chosen::listen(&[wanted]).unwrap_err());
            assert!(error.contains(&format!("cannot listen on {address} (gateway)")), "{error}");
        }
    }

    #[test]
    fn one_port_is_not_chosen_twice() {
        let free = TcpListener::bind((HERE, 0)).unwrap();
        let port = Some(free.local_addr().unwrap().port());
        drop(free);
        let error =
            format!("{:#}", Chosen::listen(&[wanted("gateway", port), wanted("cloud", port)]).unwrap_err());
        assert!(error.contains("(cloud)"), "{error}");
    }
}
