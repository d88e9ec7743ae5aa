mod serve;

use clap::Subcommand;

/// The control plane.
#[derive(Debug, Subcommand)]
pub(crate) enum ControlPlaneCommand {
    /// Run the control plane
    Serve(serve::ControlPlaneServeArgs),
}

impl ControlPlaneCommand {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let Self::Serve(args) = self;
        args.run()
    }
}
