//! Panics of a simulation, also those that somebody survives: whatever lives through one has a fault all the same.

use std::cell::RefCell;
use std::sync::Once;

static HOOK: Once = Once::new();

thread_local! {
    /// A simulation has one thread, and each has its own.
    static SEEN: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Begins to note the panics of this thread.
pub(crate) fn watch() {
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            SEEN.with_borrow_mut(|seen| seen.push(panic.to_string()));
            before(panic);
        }));
    });
    SEEN.take();
}

/// The panics of this thread since [`watch`].
pub(crate) fn seen() -> Vec<String> {
    SEEN.take()
}
