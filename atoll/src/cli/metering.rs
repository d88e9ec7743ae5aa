mod serve;

use clap::Subcommand;

/// Metering.
#[derive(Debug, Subcommand)]
pub(crate) enum MeteringCommand {
    /// Run metering
    Serve(serve::MeteringServeArgs),
}

impl MeteringCommand {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let Self::Serve(args) = self;
        args.run()
    }
}
