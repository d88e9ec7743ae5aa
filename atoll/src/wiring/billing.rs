use crate::config::BillingConfig;
use crate::serve::lifetime::Lifetime;

pub(crate) async fn serve(_config: BillingConfig, _life: Lifetime) -> anyhow::Result<()> {
    anyhow::bail!("billing is not part of this build")
}
