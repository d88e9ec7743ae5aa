use crate::config::MeteringConfig;
use crate::serve::lifetime::Lifetime;

pub(crate) async fn serve(_config: MeteringConfig, _life: Lifetime) -> anyhow::Result<()> {
    anyhow::bail!("metering is not part of this build")
}
