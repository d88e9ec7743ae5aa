use std::path::PathBuf;

use prost_reflect::DescriptorPool;

use crate::emit::ServiceEmitter;
use crate::{Descriptors, Error, model};

/// File in `OUT_DIR` that declares one module per package.
const MODULES_FILE: &str = "packages.rs";
/// File in `OUT_DIR` that holds the encoded descriptor set.
const DESCRIPTOR_FILE: &str = "descriptors.bin";

/// Writes the code of one crate into `OUT_DIR`: `packages.rs`, to be included by the crate root, and `descriptors.bin`.
pub struct Generator {
    call_path: String,
    externs: Vec<(String, String)>,
    boxed: Vec<String>,
    known: Option<DescriptorPool>,
}

impl Generator {
    /// A generator whose output finds `CallContext` and the other serving types under `call_path`.
    pub fn new(call_path: &str) -> Self {
        Self { call_path: call_path.to_owned(), externs: Vec::new(), boxed: Vec::new(), known: None }
    }

    /// Takes the protobuf symbol or package from an existing Rust path instead of generating it.
    pub fn extern_path(mut self, proto: &str, rust: &str) -> Self {
        self.externs.push((proto.to_owned(), rust.to_owned()));
        self
    }

    /// Keeps a field behind a pointer. For what is large and seldom there: a message is as large as the largest that
    /// any of its fields may hold, and is moved whole. `field` is its path, with the oneof's name where it is of one.
    pub fn boxed(mut self, field: &str) -> Self {
        self.boxed.push(field.to_owned());
        self
    }

    /// Leaves files that `pool` has out of the written descriptor set.
    pub fn without_files_of(mut self, pool: DescriptorPool) -> Self {
        self.known = Some(pool);
        self
    }

    /// Generates everything; returns the path of the written descriptor set.
    ///
    /// Messages derive no serde traits (JSON goes through the descriptors), hold `Bytes`, and hold ordered maps, so
    /// that equal messages have equal encodings.
    pub fn generate(&self, descriptors: &Descriptors) -> Result<PathBuf, Error> {
        let services = model::services(descriptors.pool())?;
        let mut config = prost_build::Config::new();
        config
            .bytes(["."])
            .btree_map(["."])
            .enable_type_names()
            .type_name_domain(["."], "type.googleapis.com")
            .include_file(MODULES_FILE)
            .service_generator(Box::new(ServiceEmitter::new(&self.call_path, services)));
        for (proto, rust) in &self.externs {
            config.extern_path(proto, rust);
        }
        for field in &self.boxed {
            config.boxed(field);
        }
        let out = PathBuf::from(std::env::var_os("OUT_DIR").ok_or(Error::MissingVariable("OUT_DIR"))?);
        let mut set = descriptors.to_set()?;
        if let Some(known) = &self.known {
            // Messages of known files are still needed to resolve types; their services belong to the other crate.
            for file in set.file.iter_mut().filter(|file| known.get_file_by_name(file.name()).is_some()) {
                file.service.clear();
            }
        }
        config.compile_fds(set).map_err(|source| Error::Io { path: out.clone(), source })?;
        let path = out.join(DESCRIPTOR_FILE);
        let encoded = descriptors.encode_without(self.known.as_ref());
        std::fs::write(&path, encoded).map_err(|source| Error::Io { path: path.clone(), source })?;
        Ok(path)
    }
}
