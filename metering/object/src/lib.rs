//! The usage object file format (Parquet), written by cells and read by metering.
