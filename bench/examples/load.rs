//! Runs the load without the rest of the command line: `cargo run --release -p atoll-bench --example load -- --help`.

use atoll_bench::BenchArgs;
use clap::Parser;

#[derive(Parser)]
struct Load {
    #[command(flatten)]
    bench: BenchArgs,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let bench = Load::parse().bench;
    let json = bench.json;
    let report = bench.run().await?;
    if json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print!("{report}");
    }
    Ok(())
}
