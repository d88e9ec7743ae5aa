//! Every collection of a run: the one place that names them all. What is special of each is in a file of its own.

mod activities;
mod children;
mod external;
mod timers;

use super::collection::Collection;
use super::pending::Pending;
use atoll_internal_api::state::v1 as state;

macro_rules! collections {
    ($($(#[$doc:meta])* $kind:ident = $number:literal, $field:ident: $item:ty;)*) => {
        /// What something pending is. The numbers are stored: they name chunks and back-offs.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[repr(u8)]
        pub enum PendingKind {
            $($(#[$doc])* $kind = $number,)*
        }

        impl PendingKind {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$kind),*];
        }

        /// Everything that is pending in a run.
        #[derive(Clone, Debug, Default)]
        pub(crate) struct Collections {
            $(pub(crate) $field: Pending<$item>,)*
        }

        impl Collections {
            pub(super) fn all(&self) -> impl Iterator<Item = &dyn Collection> {
                [$(&self.$field as &dyn Collection),*].into_iter()
            }

            pub(super) fn all_mut(&mut self) -> impl Iterator<Item = &mut dyn Collection> {
                [$(&mut self.$field as &mut dyn Collection),*].into_iter()
            }

            pub(super) fn of(&self, kind: PendingKind) -> &dyn Collection {
                match kind { $(PendingKind::$kind => &self.$field,)* }
            }

            pub(super) fn of_mut(&mut self, kind: PendingKind) -> &mut dyn Collection {
                match kind { $(PendingKind::$kind => &mut self.$field,)* }
            }
        }

        $(impl InCollection for $item {
            fn held(all: &mut Collections) -> &mut Pending<Self> {
                &mut all.$field
            }
        })*
    };
}

/// An item that a run holds.
pub(super) trait InCollection: Sized {
    /// The collection that it stands in.
    fn held(all: &mut Collections) -> &mut Pending<Self>;
}

// Numbers are from 16 to 127: those below are other parts of a run, and the highest bit marks large attributes.
collections! {
    /// An activity, by the id of its SCHEDULED event.
    Activity = 16, activities: state::Activity;
    /// A user timer, by the id of its STARTED event.
    Timer = 17, timers: state::Timer;
    /// A child, by the id of its INITIATED event.
    Child = 18, children: state::Child;
    /// A signal to another workflow, by the id of its INITIATED event.
    ExternalSignal = 19, external_signals: state::ExternalSignal;
    /// A cancel request to another workflow, by the id of its INITIATED event.
    ExternalCancel = 20, external_cancels: state::ExternalCancel;
}

impl PendingKind {
    /// What a stored number stands for; `None` for what only a newer version knows.
    pub(crate) fn from_number(number: u32) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| *kind as u32 == number)
    }
}
