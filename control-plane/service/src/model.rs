//! What the control plane decides about: plain values, as its database holds them.

mod access;
mod account;
mod api_key;
mod audit;
mod cell;
mod namespace;
mod operation;
mod principal;
mod recovering;

pub use access::{Access, AccountRole, Permission};
pub use account::Account;
pub use api_key::{ApiKey, KeyGrant};
pub use audit::{AuditEntry, AuditRecord};
pub use cell::{Cell, CellState, Health};
pub use namespace::{Namespace, NamespaceState};
pub use operation::{Operation, OperationKind, OperationState};
pub use principal::{Principal, PrincipalKind};
pub use recovering::{Pushed, Recovering};

/// Implements text forms, as stored, for an enum without fields.
macro_rules! stored_names {
    ($type:ty { $($variant:ident = $name:literal),+ $(,)? }) => {
        impl $type {
            /// All values.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The name as stored.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name),+
                }
            }

            /// The value of a stored name.
            pub fn from_name(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }
    };
}
use stored_names;
