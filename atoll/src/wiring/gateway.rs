use crate::config::GatewayConfig;
use crate::serve::lifetime::Lifetime;

pub(crate) async fn serve(_config: GatewayConfig, _life: Lifetime) -> anyhow::Result<()> {
    anyhow::bail!("the gateway is not part of this build")
}
