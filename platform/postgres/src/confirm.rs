//! What was seen stands on the standbys, too.
//!
//! Where commits wait for a standby (`synchronous_standby_names`), one whose wait is cut short is seen by everybody at
//! once, and no standby has it: its client has gone, its session was ended or cancelled, or the server has crashed and
//! come back. Whoever then reads its rows and writes nothing waits for nobody. Were that answered, or acted on, a
//! failover would take back what somebody was told that it stands.
//!
//! A commit behind it is not answered before the standby has all that was written until then. One that writes a row is
//! such a commit by itself; this is for the others. It writes a message to the log that nobody reads, of some bytes,
//! and only where a standby is waited for: without one a commit is on the disk before anybody sees it.
//!
//! So [`Session::confirm`](crate::Session::confirm) and
//! [`Session::undo_and_confirm`](crate::Session::undo_and_confirm) end what is answered or acted on by what it saw.
//! Both cost one round trip, as `COMMIT` does. [`Session::end`](crate::Session::end) and
//! [`Session::undo`](crate::Session::undo) end what is not: what they saw is what the primary shows now, and no more.

/// Makes the commit that follows it wait for the standbys.
pub(crate) const CONFIRM: &str = "SELECT pg_logical_emit_message(true, 'atoll', '')::text \
     WHERE current_setting('synchronous_standby_names') <> ''";
