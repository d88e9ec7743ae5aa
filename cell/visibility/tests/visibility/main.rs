//! The filter language and the memory engine through the public interface.

mod filters;
mod memory;
mod random_text;
