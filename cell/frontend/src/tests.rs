//! Tests of whole calls, through the generated services and over a cell that only remembers.

mod history;
mod ids;
mod namespaces;
mod polls;
mod probe;
mod schedules;
mod start;
mod surface;
mod tasks;
mod visibility;
