use std::sync::OnceLock;

use axum::body::Body;
use http::{Request, Response};
use hyper::body::Incoming;
use prost_reflect::DescriptorPool;
use tonic::codec::CompressionEncoding;
use tonic_reflection::server::Builder;
use tower::ServiceExt;
use tower::util::BoxCloneSyncService;

use crate::body::ResponseBody;
use crate::dispatch::Dispatcher;

/// Largest request: the name of a file or symbol. Anyone may ask, so nothing large is read.
const MAX_REQUEST: usize = 4 * 1024;

type Served = BoxCloneSyncService<Request<Incoming>, Response<tonic::body::Body>, std::convert::Infallible>;

/// `grpc.reflection` v1 and v1alpha over the dispatcher's services. Built at first use: the index takes memory that
/// most servers never need.
pub(super) struct Reflection {
    pool: &'static DescriptorPool,
    services: Vec<&'static str>,
    v1: OnceLock<Served>,
    v1alpha: OnceLock<Served>,
}

impl Reflection {
    pub(super) fn new(dispatcher: &Dispatcher) -> Self {
        let services = dispatcher.services().iter().map(|service| service.name).collect();
        Self { pool: dispatcher.descriptors(), services, v1: OnceLock::new(), v1alpha: OnceLock::new() }
    }

    pub(super) async fn serve(&self, request: Request<Incoming>) -> Response<ResponseBody> {
        const VALID: &str = "descriptors were checked when they were generated";
        let service = if request.uri().path().starts_with("/grpc.reflection.v1alpha.") {
            self.v1alpha.get_or_init(|| {
                let set = self.pool.encode_to_vec();
                let server = self.builder(&set).build_v1alpha().expect(VALID);
                let server = server.accept_compressed(CompressionEncoding::Gzip);
                BoxCloneSyncService::new(server.max_decoding_message_size(MAX_REQUEST))
            })
        } else {
            self.v1.get_or_init(|| {
                let set = self.pool.encode_to_vec();
                let server = self.builder(&set).build_v1().expect(VALID);
                let server = server.accept_compressed(CompressionEncoding::Gzip);
                BoxCloneSyncService::new(server.max_decoding_message_size(MAX_REQUEST))
            })
        };
        let Ok(response) = service.clone().oneshot(request).await;
        response.map(|body| ResponseBody::Other(Body::new(body)))
    }

    fn builder<'b>(&self, set: &'b [u8]) -> Builder<'b> {
        let builder = Builder::configure()
            .register_encoded_file_descriptor_set(set)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            .with_service_name("grpc.health.v1.Health");
        self.services.iter().fold(builder, |builder, name| builder.with_service_name(*name))
    }
}
