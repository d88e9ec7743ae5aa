//! Generates our own services and records out of every file under `proto`.

use std::path::{Path, PathBuf};

use atoll_proto_build::{Descriptors, Error, Generator, published};

fn main() -> Result<(), Error> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=proto");
    let root = Path::new("proto");
    let mut includes = vec![root.to_owned()];
    includes.extend(published::includes(&variable("DEP_ATOLL_API_PROTOS_DIR")?));
    let descriptors = Descriptors::compile(&Descriptors::files_under(root)?, &includes)?;
    let known = Descriptors::read_pool(&variable("DEP_ATOLL_API_DESCRIPTOR_PATH")?)?;
    Generator::new("::atoll_api::call")
        .extern_path(".temporal", "::atoll_api::temporal")
        .extern_path(".temporal.api.history.v1.History", "::atoll_api::RawHistory")
        .extern_path(".google.rpc", "::atoll_api::google::rpc")
        .extern_path(".google.api", "::atoll_api::not_generated")
        .without_files_of(known)
        .generate(&descriptors)?;
    Ok(())
}

fn variable(name: &'static str) -> Result<PathBuf, Error> {
    std::env::var_os(name).map(PathBuf::from).ok_or(Error::MissingVariable(name))
}
