//! What only PostgreSQL can do to metering. What every engine must pass is the suite in `conformance`.

mod faults;
mod opening;
mod plans;
mod pooled;
