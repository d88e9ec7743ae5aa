use anyhow::bail;
use atoll_bench::BenchArgs;
use clap::Args;

use crate::client::output::print;

/// The load generator.
#[derive(Debug, Args)]
pub(crate) struct BenchCommand {
    #[command(flatten)]
    args: BenchArgs,
}

impl BenchCommand {
    /// Prints the report. Fails where not every workflow completed.
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let as_json = self.args.json;
        let report = self.args.run().await?;
        if as_json {
            print(serde_json::to_string_pretty(&report)? + "\n")?;
        } else {
            print(&report)?;
        }
        if report.completed < report.workflows {
            bail!(
                "{} of {} workflows did not complete",
                report.workflows - report.completed,
                report.workflows
            );
        }
        Ok(())
    }
}
