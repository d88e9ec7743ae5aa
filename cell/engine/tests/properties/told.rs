//! What came of messages to other entities, drawn at random.
//!
//! To add a kind of message: a file with what may come of it, and its line in `any_told`.

use crate::world::World;
use cell_engine::commands::BackOffMessage;
use cell_engine::{EffectKey, PendingKind};
use proptest::prelude::*;
use std::fmt::Debug;
use std::sync::Arc;

/// What came of a message, to be told to the run.
pub(crate) trait Told: Debug + Send + Sync {
    fn tell(&self, world: &mut World);
}

/// Anything that may come of any message.
pub(crate) fn any_told() -> impl Strategy<Value = Arc<dyn Told>> {
    prop_oneof![2 => any_failed(), 6 => crate::external::any_answered()]
}

/// A message that does not arrive.
#[derive(Clone, Copy, Debug)]
enum Failed {
    /// One that the run wants sent.
    Wanted(u8),
    /// Of something pending, or of what is pending no more.
    Pending(u8, i64),
    Listener,
}

fn any_failed() -> impl Strategy<Value = Arc<dyn Told>> {
    let failed = prop_oneof![
        4 => any::<u8>().prop_map(Failed::Wanted),
        1 => (any::<u8>(), 0i64..40).prop_map(|(kind, id)| Failed::Pending(kind, id)),
        1 => Just(Failed::Listener),
    ];
    failed.prop_map(|failed| Arc::new(failed) as Arc<dyn Told>)
}

impl Told for Failed {
    fn tell(&self, world: &mut World) {
        let key = match *self {
            Failed::Wanted(pick) => {
                let wanted = world.messages();
                let Some(key) = wanted.get(usize::from(pick) % wanted.len().max(1)) else { return };
                *key
            }
            Failed::Pending(kind, id) => {
                let kinds = PendingKind::ALL;
                EffectKey::Pending(kinds[usize::from(kind) % kinds.len()], id)
            }
            Failed::Listener => EffectKey::Listener(0),
        };
        world.ask(BackOffMessage(key)).ok();
    }
}
