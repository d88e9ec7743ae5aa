//! Requests that no client of good will makes.
