use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use atoll_internal_api::cell::v1::{GetStatusResponse, KeyRecord, NamespaceSpec, NamespaceStatus};
use uuid::Uuid;

use crate::cells::{CellClient, CellError};
use crate::model::Cell;

/// Cells in memory, which keep to the generations as real ones do.
#[derive(Debug)]
pub(crate) struct FakeCells {
    cells: Mutex<BTreeMap<String, FakeCell>>,
}

#[derive(Debug, Default, Clone)]
pub(crate) struct FakeCell {
    pub(crate) namespaces: BTreeMap<Uuid, NamespaceSpec>,
    /// Generations that namespaces were removed at.
    pub(crate) removed: BTreeMap<Uuid, u64>,
    pub(crate) key_generation: u64,
    pub(crate) keys: Vec<KeyRecord>,
    pub(crate) trouble: Trouble,
    /// Calls that changed something, or tried to.
    pub(crate) writes: usize,
}

/// What is wrong with a fake cell.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    #[default]
    None,
    /// It does not answer, and nothing happens.
    Down,
    /// It does what it is asked, and its answer is lost.
    AnswersLost,
    /// It answers that it will not.
    Refuses,
    /// It answers, and says that it is not healthy.
    Unhealthy,
}

impl FakeCells {
    pub(crate) fn new(names: &[&str]) -> Self {
        let cells = names.iter().map(|name| ((*name).to_owned(), FakeCell::default())).collect();
        Self { cells: Mutex::new(cells) }
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.lock().keys().cloned().collect()
    }

    pub(crate) fn trouble(&self, cell: &str, trouble: Trouble) {
        self.change(cell, |cell| cell.trouble = trouble);
    }

    pub(crate) fn change(&self, cell: &str, change: impl FnOnce(&mut FakeCell)) {
        change(self.lock().get_mut(cell).expect("a cell of the test"));
    }

    pub(crate) fn get(&self, cell: &str) -> FakeCell {
        self.lock()[cell].clone()
    }

    /// Names of the namespaces that a cell holds.
    pub(crate) fn held(&self, cell: &str) -> Vec<String> {
        let mut names: Vec<_> = self.lock()[cell].namespaces.values().map(|spec| spec.name.clone()).collect();
        names.sort();
        names
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, FakeCell>> {
        self.cells.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write<T>(&self, cell: &Cell, write: impl FnOnce(&mut FakeCell) -> T) -> Result<T, CellError> {
        let mut cells = self.lock();
        let fake = cells.get_mut(&cell.id).expect("a cell of the test");
        fake.writes += 1;
        let unavailable =
            || CellError::Unavailable { cell: cell.id.clone(), problem: "no answer".to_owned() };
        match fake.trouble {
            Trouble::None | Trouble::Unhealthy => Ok(write(fake)),
            Trouble::Down => Err(unavailable()),
            Trouble::Refuses => Err(CellError::Refused { cell: cell.id.clone(), problem: "no".to_owned() }),
            Trouble::AnswersLost => {
                write(fake);
                Err(unavailable())
            }
        }
    }
}

#[async_trait]
impl CellClient for FakeCells {
    async fn apply_namespace(&self, cell: &Cell, spec: NamespaceSpec) -> Result<u64, CellError> {
        self.write(cell, |fake| {
            let id = Uuid::from_slice(&spec.id).expect("16 bytes");
            let removed = fake.removed.get(&id).copied().unwrap_or(0);
            let held = fake.namespaces.get(&id).map_or(removed, |held| held.generation);
            if spec.generation <= removed {
                return removed;
            }
            if spec.generation > held {
                fake.namespaces.insert(id, spec.clone());
            }
            held.max(spec.generation)
        })
    }

    async fn remove_namespace(&self, cell: &Cell, id: Uuid, generation: u64) -> Result<(), CellError> {
        self.write(cell, |fake| {
            if fake.namespaces.get(&id).is_none_or(|held| held.generation <= generation) {
                fake.namespaces.remove(&id);
                fake.removed.insert(id, generation);
            }
        })
    }

    async fn apply_key_set(
        &self,
        cell: &Cell,
        generation: u64,
        keys: Vec<KeyRecord>,
    ) -> Result<u64, CellError> {
        self.write(cell, |fake| {
            if generation > fake.key_generation {
                fake.key_generation = generation;
                fake.keys = keys;
            }
            fake.key_generation
        })
    }

    async fn status(&self, cell: &Cell) -> Result<GetStatusResponse, CellError> {
        let cells = self.lock();
        let fake = &cells[&cell.id];
        if fake.trouble == Trouble::Down {
            return Err(CellError::Unavailable { cell: cell.id.clone(), problem: "no answer".to_owned() });
        }
        let unhealthy = fake.trouble == Trouble::Unhealthy;
        Ok(GetStatusResponse {
            cell_id: cell.id.clone(),
            key_set_generation: fake.key_generation,
            healthy: !unhealthy,
            problems: if unhealthy { vec!["disk full".to_owned()] } else { Vec::new() },
            namespaces: fake
                .namespaces
                .iter()
                .map(|(id, spec)| NamespaceStatus {
                    id: id.as_bytes().to_vec().into(),
                    name: spec.name.clone(),
                    generation: spec.generation,
                })
                .collect(),
            ..GetStatusResponse::default()
        })
    }
}
