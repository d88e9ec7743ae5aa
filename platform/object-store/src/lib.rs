//! Object store trait, local directory engine, conformance suite.
