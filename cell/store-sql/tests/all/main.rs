//! The SQL engines against what every engine must pass, and their own promises.

mod conformance;
mod damage;
mod kill;
mod model;
mod postgres;
mod refusal;
mod space;
mod visibility;
