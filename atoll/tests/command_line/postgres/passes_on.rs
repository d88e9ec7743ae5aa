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
    assert_eq!(server.sql(&name, "SELECT shard_count FROM identity"), "64");
}

#[test]
fn a_process_that_crashes_again_and_again_is_waited_for() {
    let server = Server::shared();
    let (name, folder) = (server.database(), tempfile::tempdir().unwrap());
    let url = server.url(&name);
    Running::start(folder.path(), &cell(&url)).kill();
    // This one takes over at once, and nobody takes over so from itself: it might live under the same name.
    Running::start(folder.path(), &cell(&url)).kill();
    server.sql(&name, "UPDATE process SET beat_at = clock_timestamp() - interval '13 seconds'");
    Running::start(folder.path(), &cell(&url)).stop();
}
