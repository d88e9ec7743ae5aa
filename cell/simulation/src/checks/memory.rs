//! Memory stays in its budget.

use super::{Settled, chains};
use crate::calls::Caller;
use crate::clients;
use crate::plan::Begin;
use crate::simulation::Site;
use cell_memory::{Budget, Owner};
use std::sync::Arc;
use std::time::Duration;

/// Between two looks.
const LOOK: Duration = Duration::from_millis(250);
/// What the cell itself may take beyond its budget: its own steps are never refused, for they are how it comes to rest.
const LEEWAY: usize = 64 << 10;

/// What the workflows here come to at most, whatever the budget.
const MOST: usize = 4 << 20;
/// What may be left when nothing is: estimates.
const NOTHING: usize = 4 << 10;
/// What names that were asked for in vain take at most.
const ASKED_IN_VAIN: usize = 64 << 10;

/// How long a cell is left alone before what it holds counts: deletions, checkpoints and sinks go on behind the last
/// call.
const QUIET: Duration = Duration::from_secs(30);
/// A run holds what it was given, and its history does until a checkpoint has written that.
const COPIES: usize = 2;
/// What a run takes at most beside what it was given, wherever its task and its records wait, its task queue included.
const RUN: usize = 10 << 10;

/// Workflows of known size on which nobody works take about that much memory in calm weather. Answers their runs,
/// ended.
pub(crate) async fn idle_workflows(site: &Site, budget: &Budget, caller: &Caller) -> Vec<Settled> {
    site.until_calm().await;
    tokio::time::sleep(QUIET).await;
    let before = held(budget, caller);
    clients::start_idle(caller).await;
    tokio::time::sleep(QUIET).await;
    let used = held(budget, caller);
    let idle = || site.plan.workflows.iter().enumerate().filter(|(_, plan)| plan.begins == Begin::Idle);
    let given: usize = idle().map(|(_, plan)| plan.input_bytes).sum();
    let most = before + COPIES * given + RUN * idle().count();
    let least = if site.plan.keeps_all_in_memory() { given } else { 0 };
    if !(least..=most).contains(&used) {
        let owners = Owner::ALL.map(|owner| (owner.name(), budget.of(owner)));
        let what =
            format!("{used} bytes are held of {given} that idle workflows were given, {before} before");
        caller.ledger.lock().broke(format!("{what}: {owners:?}"));
    }
    clients::end_idle(caller).await;
    let mut settled = Vec::new();
    for (index, plan) in idle() {
        match chains::read(caller, index, &plan.id).await {
            Ok(chain) => settled.extend(chain),
            Err(why) => caller.ledger.lock().broke(format!("{}: {why}", plan.id)),
        }
    }
    settled
}

/// What is held but for names that were asked for in vain: these are remembered whatever is there, up to a bound.
fn held(budget: &Budget, caller: &Caller) -> usize {
    let in_vain = budget.of(Owner::AbsentNames);
    if in_vain > ASKED_IN_VAIN {
        caller.ledger.lock().broke(format!("{in_vain} bytes are held of names that were asked for in vain"));
    }
    budget.used() - in_vain
}

/// A cell in which nothing is left holds nothing.
pub(crate) fn nothing_is_left(budget: &Budget, caller: &Caller) {
    let used = held(budget, caller);
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
