//! Measures one tenant's calls beside another one's very large answers:
//! `cargo run --release -p atoll-bench --example neighbour -- --neighbour NAMESPACE --pid PID`.

use atoll_bench::{NeighbourArgs, neighbour};
use clap::Parser;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    args: NeighbourArgs,
}

// Writing a large answer takes a thread its while: not the one that measures.
#[tokio::main(worker_threads = 2)]
async fn main() -> anyhow::Result<()> {
    print!("{}", neighbour(Line::parse().args).await?);
    Ok(())
}
