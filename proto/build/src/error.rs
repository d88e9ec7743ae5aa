use std::path::PathBuf;

/// Why code could not be generated. Each one stops the build.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A `.proto` file does not compile.
    #[error("compiling protobuf files: {0}")]
    Compile(#[from] protox::Error),
    /// The compiler's own output does not decode.
    #[error("reading the compiled descriptors: {0}")]
    Decode(#[from] prost::DecodeError),
    /// The descriptors contradict each other.
    #[error("resolving the compiled descriptors: {0}")]
    Resolve(#[from] prost_reflect::DescriptorError),
    /// A `google.api.http` option uses something that the REST router does not support.
    #[error("method {method}: unsupported HTTP rule: {reason}")]
    HttpRule {
        /// Full name of the method.
        method: String,
        /// What is not supported.
        reason: String,
    },
    /// The published files are in none of the places where Cargo keeps sources.
    #[error("the sources of crate {name} were not found: {reason}")]
    SourcesNotFound {
        /// Crate that was looked for.
        name: &'static str,
        /// What was tried.
        reason: String,
    },
    /// A variable that Cargo or a dependency's build script sets is missing.
    #[error("environment variable {0} is not set: not run as a build script?")]
    MissingVariable(&'static str),
    /// The files found are not those that the dependency was built from.
    #[error("the files in {path} are not those of the {name} crate in use: {reason}")]
    Mismatch {
        /// Crate that was looked for.
        name: &'static str,
        /// Where its files were found.
        path: PathBuf,
        /// How they differ.
        reason: String,
    },
    /// Reading or writing a file failed.
    #[error("{path}: {source}")]
    Io {
        /// File or folder in question.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}
