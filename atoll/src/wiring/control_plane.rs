use crate::config::ControlPlaneConfig;
use crate::serve::lifetime::Lifetime;

pub(crate) async fn serve(_config: ControlPlaneConfig, _life: Lifetime) -> anyhow::Result<()> {
    anyhow::bail!("the control plane is not part of this build")
}
