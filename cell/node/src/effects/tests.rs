mod backlog;
mod external;
mod refused;
