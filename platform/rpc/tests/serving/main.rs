//! A server and its clients over real sockets.

mod drain;
mod fixture;
mod grpc;
mod handed_over;
mod intercept;
mod proxied;
mod raw_http2;
mod rest;
mod shared;
mod slow;
mod system;
mod unread;
