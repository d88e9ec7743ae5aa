"""Probes: single calls whose exact answer, or error, an implementation must match."""
