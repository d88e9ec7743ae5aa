//! Counts the memory of a server whose callers all wait:
//! `cargo run --release -p atoll-bench --example parked_polls -- --pid PID --polls 100000`. The server needs
//! `--dynamic-config-value frontend.namespaceCount=1000000 --dynamic-config-value frontend.namespaceRPS=1000000` and
//! enough file descriptors.

use atoll_bench::{ParkedArgs, parked};
use clap::Parser;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    args: ParkedArgs,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    print!("{}", parked(Line::parse().args).await?);
    Ok(())
}
