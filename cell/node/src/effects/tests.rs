mod backlog;
mod external;
mod refused;
mod schedules;
