//! Who is believed to be the server.

use super::*;
use atoll_postgres::look;
use atoll_test_postgres::{Authority, Settings};

#[tokio::test]
async fn a_server_is_who_its_certificate_says() {
    let (authority, another) = (Authority::new(), Authority::new());
    let server = Server::start(&Settings { tls: Some(&authority), ..Settings::default() });
    let port = server.address().port();
    let to = |host: &str, mode: &str, ca: Option<&Authority>| {
        let ca = ca.map(|ca| format!("&sslrootcert={}", ca.certificate().display())).unwrap_or_default();
        options(&format!("postgres://ciphered@{host}:{port}/postgres?sslmode={mode}{ca}"))
    };
    for trusted in [
        to("localhost", "verify-full", Some(&authority)),
        to("localhost", "require", Some(&authority)),
        to("127.0.0.1", "require", None),
    ] {
        look(&trusted, &BOOKS).await.expect("a session");
    }
    for (stranger, why) in [
        (to("localhost", "verify-full", None), "UnknownIssuer"),
        (to("localhost", "verify-full", Some(&another)), "invalid peer certificate"),
        (to("127.0.0.1", "verify-full", Some(&authority)), "not valid for name"),
        (to("127.0.0.1", "require", Some(&authority)), "not valid for name"),
        (to("localhost", "require", Some(&another)), "invalid peer certificate"),
        (to("127.0.0.1", "disable", None), "no encryption"),
    ] {
        let refused = look(&stranger, &BOOKS).await.expect_err("refused").to_string();
        assert!(refused.contains(why), "{refused}");
    }
    let plain = options(&Server::shared().url("postgres"));
    look(&plain, &BOOKS).await.expect("this very machine");
    let asked = options(&format!("{}?sslmode=require", Server::shared().url("postgres")));
    let refused = look(&asked, &BOOKS).await.expect_err("no TLS there").to_string();
    assert!(refused.contains("does not support TLS"), "{refused}");
}
