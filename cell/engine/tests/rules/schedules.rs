//! Schedules: which times are acted on, and what becomes of what is started.

mod actions;
mod calls;
mod hostile;
mod life;
mod lives;
mod messages;
mod overlap;
mod times;
