//! End-to-end tests: the real binary as processes, official clients as users.

mod dev;
mod golden;
mod postgres;
mod readme;
mod schedules;
mod start_dev;
mod support;
