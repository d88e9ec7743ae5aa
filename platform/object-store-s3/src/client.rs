//! The SDK's client.

use crate::limits::Limits;
use crate::location::S3Location;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region};
use aws_runtime::env_config::file::{EnvConfigFileKind, EnvConfigFiles};
use aws_sdk_s3::Client;
use aws_sdk_s3::config::Builder;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};

/// Where an endpoint has no region of its own.
const ANY_REGION: &str = "us-east-1";

/// A client for this place. It takes credentials from the file that the place names, or else from where the SDK looks:
/// the environment, AWS's files, a web identity, the container, the machine.
pub(crate) async fn client(location: &S3Location, limits: &Limits) -> Client {
    let http =
        aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(limits.connect)
        .operation_attempt_timeout(limits.attempt)
        .operation_timeout(limits.request)
        .build();
    let retries = RetryConfig::standard()
        .with_max_attempts(limits.attempts)
        .with_initial_backoff(limits.backoff)
        .with_max_backoff(limits.attempt);
    let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
        .http_client(http.clone())
        .timeout_config(timeouts)
        .retry_config(retries);
    if let Some(profile) = &location.profile {
        loader = loader.profile_name(profile);
    }
    if let Some(file) = &location.credentials_file {
        let files = EnvConfigFiles::builder().with_file(EnvConfigFileKind::Credentials, file).build();
        // A profile may name another source of credentials, which is asked over the network.
        let sources = ProviderConfig::default().with_http_client(http);
        let mut provider = ProfileFileCredentialsProvider::builder().configure(&sources).profile_files(files);
        if let Some(profile) = &location.profile {
            provider = provider.profile_name(profile);
        }
        loader = loader.credentials_provider(provider.build());
    }
    if let Some(region) = &location.region {
        loader = loader.region(Region::new(region.clone()));
    } else if location.endpoint.is_some() {
        loader = loader.region(Region::new(ANY_REGION));
    }
    let shared = loader.load().await;
    let mut config = Builder::from(&shared).force_path_style(location.path_style);
    if let Some(endpoint) = &location.endpoint {
        config = config.endpoint_url(endpoint);
    }
    Client::from_conf(config.build())
}
