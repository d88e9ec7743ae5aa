//! Rules that are easily got wrong, one test each.

#![allow(deprecated, reason = "fields that newer SDKs have stopped sending are still in use")]

mod activities;
mod activity_oracle;
mod billed;
mod children;
mod continue_as_new;
mod external;
mod families;
mod heartbeats;
mod life;
mod limits;
mod listed;
mod messages;
mod policies;
mod retries;
mod schedules;
mod signal_with_start;
mod sizes;
mod starts;
mod stored;
mod tasks;
mod time;
mod values;
mod waiting;
