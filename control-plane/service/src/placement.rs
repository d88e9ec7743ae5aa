//! Which cell a namespace goes to: a pure decision over what is known of the cells.

use crate::model::{Cell, CellState};

/// What is to be placed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlacementRequest<'a> {
    /// Region that it has to stand in.
    pub region: &'a str,
}

/// Why no cell can take it. All may pass: a cell comes back, an operator adds one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoPlace {
    /// The region has no cells.
    #[error("region {region} has no cells")]
    NoCells {
        /// The region.
        region: String,
    },
    /// The region has cells, and none can take it.
    #[error(
        "no cell of region {region} can take the namespace: {full} full, {draining} draining, {dead} not healthy"
    )]
    NoneFits {
        /// The region.
        region: String,
        /// Healthy cells that hold as many namespaces as they may.
        full: usize,
        /// Cells that operators drain.
        draining: usize,
        /// Cells that do not answer.
        dead: usize,
    },
}

/// Picks among healthy, undrained cells of the region that have room the one with the fewest namespaces, then the first
/// by name.
pub fn place<'a>(cells: &'a [Cell], request: &PlacementRequest<'_>) -> Result<&'a Cell, NoPlace> {
    let region = || request.region.to_owned();
    let in_region: Vec<&Cell> = cells.iter().filter(|cell| cell.region == request.region).collect();
    if in_region.is_empty() {
        return Err(NoPlace::NoCells { region: region() });
    }
    let count = |state| in_region.iter().filter(|cell| cell.state() == state).count();
    let healthy = in_region.iter().filter(|cell| cell.state() == CellState::Healthy);
    healthy
        .filter(|cell| cell.namespaces < cell.capacity)
        .min_by_key(|cell| (cell.namespaces, &cell.id))
        .copied()
        .ok_or_else(|| NoPlace::NoneFits {
            region: region(),
            full: count(CellState::Healthy),
            draining: count(CellState::Draining),
            dead: count(CellState::Dead),
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Health;

    fn cell(id: &str, namespaces: u32) -> Cell {
        Cell {
            id: id.to_owned(),
            region: "local".to_owned(),
            frontend: String::new(),
            admin: String::new(),
            token: Default::default(),
            capacity: 10,
            draining: false,
            health: Health::Healthy,
            problems: Vec::new(),
            failures: 0,
            last_seen_ms: None,
            namespaces,
        }
    }

    fn placed(cells: &[Cell]) -> Result<&str, NoPlace> {
        place(cells, &PlacementRequest { region: "local" }).map(|cell| cell.id.as_str())
    }

    #[test]
    fn fewest_namespaces_win_then_the_name() {
        let table: [(&[Cell], &str); 4] = [
            (&[cell("a", 0)], "a"),
            (&[cell("a", 1), cell("b", 0)], "b"),
            (&[cell("b", 2), cell("a", 2)], "a"),
            (&[cell("c", 3), cell("b", 2), cell("a", 9)], "b"),
        ];
        for (cells, expected) in table {
            assert_eq!(placed(cells), Ok(expected));
        }
    }

    #[test]
    fn full_draining_dead_unseen_and_foreign_cells_are_passed_over() {
        let full = cell("a", 10);
        let draining = Cell { draining: true, ..cell("b", 0) };
        let dead = Cell { health: Health::Dead, ..cell("c", 0) };
        let unseen = Cell { health: Health::Unknown, ..cell("d", 0) };
        let elsewhere = Cell { region: "mars".to_owned(), ..cell("e", 0) };
        let dead_and_draining = Cell { health: Health::Dead, draining: true, ..cell("f", 0) };
        let cells = [full, draining, dead, unseen, elsewhere, dead_and_draining];
        assert_eq!(
            placed(&cells),
            Err(NoPlace::NoneFits { region: "local".to_owned(), full: 1, draining: 1, dead: 3 })
        );
        let mut with_room = cells.to_vec();
        with_room.push(cell("z", 9));
        assert_eq!(placed(&with_room), Ok("z"));
    }

    #[test]
    fn a_region_without_cells_says_so() {
        assert_eq!(placed(&[]), Err(NoPlace::NoCells { region: "local".to_owned() }));
    }
}
