//! A server ends with the process that made it.

use atoll_test_postgres::{Server, Settings, Stop};
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};

/// Tells the child to make a server and wait.
const CHILD: &str = "ATOLL_TEST_POSTGRES_CHILD";

#[test]
fn a_server_is_gone_when_the_process_that_made_it_was_killed() {
    if std::env::var_os(CHILD).is_some() {
        let server = Server::shared();
        println!("server {} {}", server.address(), server.folder().display());
        // Nobody ends this but the kill.
        loop {
            std::thread::park();
        }
    }
    let mut child = Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "a_server_is_gone_when_the_process_that_made_it_was_killed", "--nocapture"])
        .env(CHILD, "1")
        .stdout(Stdio::piped())
        .spawn()
        .expect("a child");
    let lines = BufReader::new(child.stdout.take().expect("its output")).lines();
    let said = lines.map(|line| line.expect("a line")).find(|line| line.starts_with("server "));
    let said = said.expect("its server");
    let [_, address, folder] = said.split(' ').collect::<Vec<_>>()[..] else { panic!("{said}") };
    let address: SocketAddr = address.parse().expect("an address");
    TcpStream::connect(address).expect("it serves");
    child.kill().expect("kill -9");
    child.wait().expect("its end");
    // Each look is a system call; the guard needs a moment.
    while TcpStream::connect(address).is_ok() || Path::new(folder).exists() {}
}

#[test]
fn a_server_is_stopped_and_started_as_a_test_likes() {
    let server = Server::start(&Settings { set: &[("work_mem", "1234kB")], tls: None });
    assert_eq!(server.sql("postgres", "SHOW work_mem"), "1234kB");
    let database = server.database();
    server.sql(&database, "CREATE TABLE t (n int4); INSERT INTO t VALUES (7)");
    let copy = server.copy(&database);
    for how in [Stop::Fast, Stop::Crash] {
        server.stop(how);
        TcpStream::connect(server.address()).expect_err("it is down");
        server.resume();
    }
    assert_eq!((server.sql(&database, "TABLE t"), server.sql(&copy, "TABLE t")), ("7".into(), "7".into()));
    server.set("work_mem", "2MB");
    let (address, folder) = (server.address(), server.folder().to_owned());
    drop(server);
    TcpStream::connect(address).expect_err("it is gone");
    assert!(!folder.exists());
}
