//! The gateway: one address for all namespaces. It routes raw calls to the cell of their namespace.
//!
//! Owns: the routing table (watched from the control plane, kept on disk), connections to cells, and forwarding. Does
//! *not* own: authentication and limits, which are the cells'; what a call means: of a request it reads one field, the
//! namespace, and passes the bytes on, packed where they came packed.
//!
//! Invariants:
//! - the request's own namespace decides; a header that says otherwise is refused, so that nothing behind the gateway
//!   can take the header's word;
//! - a namespace that is not in the table is looked for once more at the control plane, and where that has none
//!   forwarded too, to any cell: the cell verifies the key first, so that the gateway, which holds no keys, tells
//!   nobody what exists. Where the control plane is away, that cell's NOT_FOUND becomes UNAVAILABLE, because the
//!   namespace may be newer than the table;
//! - a call is sent to one cell once; only the client repeats it;
//! - with the control plane away, the gateway goes on with the last table, also after a restart.

mod cells;
mod config;
mod forward;
mod freshness;
mod rest_needs_token;
mod start;
mod table;
mod watch;

pub use config::Config;
pub use forward::{Forwarder, SharedTable};
pub use start::{Gateway, GatewayHandle, StartError};
pub use table::{CacheError, RoutingTable};
