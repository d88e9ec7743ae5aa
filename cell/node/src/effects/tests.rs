mod backlog;
mod external;
mod owed;
mod refused;
mod schedules;
