//! The SQLite engine against what every engine must pass, and its own promises.

mod conformance;
mod damage;
mod kill;
mod model;
mod refusal;
mod space;
mod visibility;
