//! Generates the published contract out of the `.proto` files that the `temporalio-protos` crate ships.

use atoll_proto_build::{Error, Generator, published};

/// Packages that only hold options for other tools; nothing of them is on the wire.
const OPTION_PACKAGES: [&str; 3] = [".google.api", ".grpc.gateway", ".nexusannotations"];

/// Fields that would make every event several times as large as most are.
const BOXED: [&str; 4] = [
    ".temporal.api.history.v1.HistoryEvent.user_metadata",
    ".temporal.api.history.v1.HistoryEvent.attributes.workflow_execution_started_event_attributes",
    ".temporal.api.history.v1.HistoryEvent.attributes.workflow_execution_continued_as_new_event_attributes",
    ".temporal.api.history.v1.HistoryEvent.attributes.start_child_workflow_execution_initiated_event_attributes",
];

fn main() -> Result<(), Error> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=DEP_TEMPORALIO_PROTOS_DESCRIPTOR_PATH");
    let protos = published::locate()?;
    let descriptors = published::compile(&protos)?;
    let mut generator =
        Generator::new("crate::call").extern_path(".temporal.api.history.v1.History", "crate::RawHistory");
    for package in OPTION_PACKAGES {
        generator = generator.extern_path(package, "crate::not_generated");
    }
    for field in BOXED {
        generator = generator.boxed(field);
    }
    let set = generator.generate(&descriptors)?;
    // Read by the build scripts of crates whose own files import the published ones.
    println!("cargo::metadata=PROTOS_DIR={}", protos.display());
    println!("cargo::metadata=DESCRIPTOR_PATH={}", set.display());
    Ok(())
}
