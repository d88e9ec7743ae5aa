mod backlog;
mod refused;
