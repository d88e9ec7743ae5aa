//! `atoll bench` against a lone cell.

use std::process::Command;

use crate::support::atoll;
use crate::support::process::DevServer;

#[test]
fn a_load_above_the_namespaces_rate_completes_and_is_read_back() {
    // Nothing may be saved up: however slow the machine is, of the calls that the load begins with two come at once.
    let limits = ["frontend.namespaceRPS=100", "frontend.namespaceBurstRatio=0"];
    let server =
        DevServer::start(&["--dynamic-config-value", limits[0], "--dynamic-config-value", limits[1]]);
    let output = Command::new(atoll())
        .args(["bench", "--address", &server.address, "--workflows", "24", "--in-flight", "8"])
        // Few, so that refused polls leave the others their turn.
        .args(["--pollers", "2"])
        .output()
        .expect("a load");
    let (printed, errors) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{printed}{errors}");
    assert!(printed.contains("24 of 24 completed, 24 verified"), "{printed}");
    assert!(printed.contains(": ResourceExhausted: namespace rate limit exceeded"), "{printed}");
}
