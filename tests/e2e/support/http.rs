//! Plain HTTP calls, made by hand so that what is on the wire is what the test says.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::Value;

use super::process::PATIENCE;

/// Calls a REST route with JSON; answers status and body.
pub(crate) fn call(
    address: &str,
    method: &str,
    path: &str,
    key: Option<&str>,
    body: Option<&Value>,
) -> (u16, Value) {
    let body = body.map(Value::to_string).unwrap_or_default();
    let key = key.map(|key| format!("Authorization: Bearer {key}\r\n")).unwrap_or_default();
    let head = format!("{method} {path} HTTP/1.1\r\n{key}Content-Type: application/json\r\n");
    let (status, _, body) = exchange(address, &head, &body);
    let json = serde_json::from_str(&body).unwrap_or_else(|error| panic!("{method} {path}: {error}: {body}"));
    (status, json)
}

/// Gets `path` in the format that `accept` names; answers status, head and body.
pub(crate) fn get_as(address: &str, path: &str, key: &str, accept: &str) -> (u16, String, String) {
    let head = format!("GET {path} HTTP/1.1\r\nAuthorization: Bearer {key}\r\nAccept: {accept}\r\n");
    exchange(address, &head, "")
}

fn exchange(address: &str, head: &str, body: &str) -> (u16, String, String) {
    let mut stream = TcpStream::connect(address).expect("the Cloud API listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a limit");
    let rest = format!("Host: {address}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    stream.write_all([head, &rest, body].concat().as_bytes()).expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("answered");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    (status, head.to_owned(), body.to_owned())
}
