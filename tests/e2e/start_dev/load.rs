//! `atoll bench` against a lone cell.

use std::process::Command;

use crate::support::atoll;
use crate::support::process::DevServer;

#[test]
fn a_load_above_the_namespaces_rate_completes_and_is_read_back() {
    let server = DevServer::start(&["--dynamic-config-value", "frontend.namespaceRPS=100"]);
    let output = Command::new(atoll())
        .args(["bench", "--address", &server.address, "--workflows", "60", "--in-flight", "8"])
        .output()
        .expect("a load");
    let (printed, errors) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{printed}{errors}");
    assert!(printed.contains("60 of 60 completed, 60 verified"), "{printed}");
    assert!(printed.contains(": ResourceExhausted: namespace rate limit exceeded"), "{printed}");
}
