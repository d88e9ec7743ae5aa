//! Writes the mutants of a crate into its sources, each behind a switch: one build holds them all.
//!
//!     mutant-rewriter MUTANTS ORIGINAL MUTATED REPORT
//!
//! Reads the mutants of `MUTANTS` (JSON: see [`Mutant`]) and the files that they name below the folder `ORIGINAL`,
//! writes those files below `MUTATED`, and to `REPORT` (JSON: see [`Report`]) where each mutant stands now, by which an
//! error of the compiler is told to be a mutant's.
//!
//! Does not own: which mutants there are, which do not compile, what runs them (`../run`).

mod place;
mod write;

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;

/// A change to a source, as it was listed.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Mutant {
    /// Its number: above 0. Those of one place follow each other.
    id: u32,
    /// The file, from the root of the workspace.
    file: String,
    /// Its sort, in the words of cargo-mutants.
    genre: String,
    /// Where what is replaced begins: the line, from 1.
    line: usize,
    /// And the column, in characters, from 1.
    column: usize,
    /// What stands there instead.
    replacement: String,
    /// Known not to compile: takes no place.
    #[serde(default)]
    dropped: bool,
}

/// What became of the mutants.
#[derive(Default, Serialize)]
struct Report {
    /// By file: the stretches, in bytes of the mutated file, that were written for a mutant or several.
    regions: BTreeMap<String, Vec<Region>>,
    /// Those that have no place, and why.
    unplaced: BTreeMap<u32, &'static str>,
}

/// A stretch of a mutated file.
#[derive(Serialize)]
pub(crate) struct Region {
    start: usize,
    end: usize,
    ids: Vec<u32>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [mutants, original, mutated, report] = &arguments[..] else {
        return Err("mutant-rewriter MUTANTS ORIGINAL MUTATED REPORT".into());
    };
    let mut of_file: BTreeMap<String, Vec<Mutant>> = BTreeMap::new();
    for mutant in serde_json::from_str::<Vec<Mutant>>(&std::fs::read_to_string(mutants)?)? {
        of_file.entry(mutant.file.clone()).or_default().push(mutant);
    }
    let mut all = Report::default();
    for (file, mutants) in of_file {
        let source = std::fs::read_to_string(Path::new(original).join(&file))?;
        let syntax = syn::parse_file(&source).map_err(|error| format!("{file}: {error}"))?;
        let (sites, unplaced) = place::sites(&syntax, mutants);
        let (text, regions) = write::mutated(&source, &sites);
        let path = Path::new(mutated).join(&file);
        // What has not changed is not built again.
        if std::fs::read_to_string(&path).ok().as_ref() != Some(&text) {
            std::fs::write(&path, text)?;
        }
        all.regions.insert(file, regions);
        all.unplaced.extend(unplaced);
    }
    Ok(std::fs::write(report, serde_json::to_string(&all)?)?)
}
