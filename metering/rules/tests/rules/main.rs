//! What is billable, case by case, and that it does not matter how a history was cut into transitions.

mod actions;
mod events;
mod splits;
mod storage;
