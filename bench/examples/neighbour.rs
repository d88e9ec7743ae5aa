//! Measures one tenant's calls beside another one's very large answers:
//! `cargo run --release -p atoll-bench --example neighbour -- --neighbour NAMESPACE --pid PID`.

use atoll_bench::{NeighbourArgs, neighbour};
use clap::Parser;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    args: NeighbourArgs,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    print!("{}", neighbour(Line::parse().args).await?);
    Ok(())
}
