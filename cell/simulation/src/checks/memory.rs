//! Memory stays in its budget.

use crate::calls::Caller;
use cell_memory::{Budget, Owner};
use std::sync::Arc;
use std::time::Duration;

/// Between two looks.
const LOOK: Duration = Duration::from_millis(250);
/// What the cell itself may take beyond its budget: its own steps are never refused, for they are how it comes to rest.
const LEEWAY: usize = 64 << 10;

/// What the workflows here come to at most, whatever the budget.
const MOST: usize = 4 << 20;
/// What may be left when nothing is: names that are remembered for a while, estimates.
const NOTHING: usize = 4 << 10;

/// A cell in which nothing is left holds nothing.
pub(crate) fn nothing_is_left(budget: &Budget, caller: &Caller) {
    let used = budget.used();
    if used > NOTHING {
        let owners = Owner::ALL.map(|owner| (owner.name(), budget.of(owner)));
        caller.ledger.lock().broke(format!("{used} bytes are held when nothing is left: {owners:?}"));
    }
}

/// Looks at a cell's memory as long as the cell lives.
pub(crate) async fn memory(budget: Arc<Budget>, caller: Caller) {
    let mut pressed = false;
    loop {
        tokio::time::sleep(LOOK).await;
        // What is being loaded is a guess until it is there, many times what the small runs here are.
        let used = budget.used() - budget.of(Owner::Loads);
        if used > budget.limit().min(MOST) + LEEWAY {
            let owners = Owner::ALL.map(|owner| (owner.name(), budget.of(owner)));
            let what = format!("{used} bytes are held of a budget of {}: {owners:?}", budget.limit());
            return caller.ledger.lock().broke(what);
        }
        if !pressed && !budget.has_room_for_clients() {
            pressed = true;
            caller.ledger.lock().count("memory used up");
        }
    }
}
