mod backlog;
mod children;
mod external;
mod owed;
mod refused;
mod schedules;
