//! From one process to the next.

use atoll_test_postgres::Server;

use super::cell;
use crate::running::Running;

#[test]
fn a_process_stops_at_once_when_the_cells_next_one_is_there() {
    let server = Server::shared();
    let (name, folders) = (server.database(), [(); 2].map(|()| tempfile::tempdir().unwrap()));
    let url = server.url(&name);
    let first = Running::start_heard(folders[0].path(), &cell(&url));
    let second = Running::start(folders[1].path(), &cell(&url));
    let problem = first.fails();
    let expected = format!(
        "atoll: database {}/{name}: store unavailable: another process has taken the database over",
        server.address()
    );
    assert_eq!(problem.lines().last(), Some(expected.as_str()), "{problem}");
    assert_eq!(server.sql(&name, "SELECT count(*) FROM process"), "1", "the second process's");
    second.stop();
    assert_eq!(server.sql(&name, "SELECT count(*) FROM process"), "0", "given up");
    Running::start(folders[0].path(), &cell(&url)).kill();
    Running::start(folders[0].path(), &cell(&url)).stop();
    assert_eq!(server.sql(&name, "SELECT shard_count FROM identity"), "64");
}
