use anyhow::bail;
use atoll_bench::BenchArgs;
use clap::Args;

use crate::client::output::print;
use crate::client::target::running_dev;
use crate::dev::ready_file::ReadyFile;

/// The load generator. A running `atoll dev` lends its gateway's address and its key where none is given.
#[derive(Debug, Args)]
pub(crate) struct BenchCommand {
    #[command(flatten)]
    args: BenchArgs,
}

impl BenchCommand {
    /// Prints the report. Fails where not every workflow completed.
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let as_json = self.args.json;
        let ready = running_dev()?;
        let report = with_ready_file(self.args, ready).run().await?;
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

/// Fills what flags and variables left open. The key goes to the gateway that it was made for, never to another
/// address.
fn with_ready_file(mut args: BenchArgs, ready: Option<ReadyFile>) -> BenchArgs {
    let Some(ready) = ready else { return args };
    let address = args.address.get_or_insert_with(|| ready.gateway_address.clone());
    if *address == ready.gateway_address {
        args.api_key.get_or_insert(ready.api_key);
    }
    args
}

#[cfg(test)]
mod tests {
    use atoll_bench::DEFAULT_ADDRESS;
    use atoll_secret::Secret;
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: BenchArgs,
    }

    fn filled(line: &[&str], ready: Option<ReadyFile>) -> (Option<String>, Option<Secret>) {
        let args = with_ready_file(Line::parse_from([&["bench"], line].concat()).args, ready);
        (args.address, args.api_key)
    }

    #[test]
    fn a_running_dev_lends_its_address_and_its_key_to_nobody_else() {
        let ready = || Some(ReadyFile { gateway_address: "127.0.0.1:9".into(), ..ReadyFile::sample() });
        let text = |value: &str| Some(value.to_owned());
        let key = |value: &str| Some(Secret::from(value));
        assert_eq!(filled(&[], None), (None, None));
        assert_eq!(filled(&[], ready()), (text("127.0.0.1:9"), key("key.secret")));
        assert_eq!(filled(&["--api-key", "k"], ready()), (text("127.0.0.1:9"), key("k")));
        assert_eq!(filled(&["--address", "127.0.0.1:9"], ready()).1, key("key.secret"));
        assert_eq!(filled(&["--address", DEFAULT_ADDRESS], ready()), (text(DEFAULT_ADDRESS), None));
    }
}
