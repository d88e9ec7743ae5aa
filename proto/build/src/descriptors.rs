use std::path::{Path, PathBuf};

use prost::Message;
use prost_reflect::DescriptorPool;
use prost_types::FileDescriptorSet;

use crate::Error;

/// Compiled `.proto` files with everything they import.
pub struct Descriptors {
    /// The encoded set, custom options included, comments left out.
    encoded: Vec<u8>,
    pool: DescriptorPool,
}

impl Descriptors {
    /// Compiles `files`, looking imports up under `includes`.
    pub fn compile(files: &[PathBuf], includes: &[PathBuf]) -> Result<Self, Error> {
        let mut compiler = protox::Compiler::new(includes)?;
        compiler.include_imports(true).include_source_info(false).open_files(files)?;
        let encoded = compiler.encode_file_descriptor_set();
        let pool = DescriptorPool::decode(encoded.as_slice())?;
        Ok(Self { encoded, pool })
    }

    /// Every file under `root` that ends in `.proto`, in a stable order.
    pub fn files_under(root: &Path) -> Result<Vec<PathBuf>, Error> {
        let mut found = Vec::new();
        collect(root, &mut found)?;
        found.sort();
        Ok(found)
    }

    /// The symbols of an encoded set, as another crate's build script wrote it.
    pub fn read_pool(path: &Path) -> Result<DescriptorPool, Error> {
        let bytes = std::fs::read(path).map_err(|source| Error::Io { path: path.to_owned(), source })?;
        Ok(DescriptorPool::decode(bytes.as_slice())?)
    }

    /// Symbols of the set, with options resolved.
    pub fn pool(&self) -> &DescriptorPool {
        &self.pool
    }

    /// The set as prost-build takes it: custom options are lost here.
    pub(crate) fn to_set(&self) -> Result<FileDescriptorSet, Error> {
        Ok(FileDescriptorSet::decode(self.encoded.as_slice())?)
    }

    /// The encoded set without the files that `known` has already, options kept.
    pub(crate) fn encode_without(&self, known: Option<&DescriptorPool>) -> Vec<u8> {
        let Some(known) = known else { return self.encoded.clone() };
        // A set is `repeated FileDescriptorProto file = 1`, so files can be picked without losing their options.
        let mut out = Vec::new();
        for file in self.pool.files().filter(|file| known.get_file_by_name(file.name()).is_none()) {
            prost::encoding::bytes::encode(1, &file.encode_to_vec(), &mut out);
        }
        out
    }
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) -> Result<(), Error> {
    let io = |source| Error::Io { path: folder.to_owned(), source };
    for entry in std::fs::read_dir(folder).map_err(io)? {
        let path = entry.map_err(io)?.path();
        if path.is_dir() {
            collect(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "proto") {
            found.push(path);
        }
    }
    Ok(())
}
