//! Plain text tables: columns as wide as their widest cell, two spaces apart.

use std::fmt;

/// Rows under a heading. Numbers are set to the right.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<String>>,
}

#[derive(Debug, Clone)]
struct Column {
    title: &'static str,
    to_the_right: bool,
}

impl Table {
    /// An empty table. A title that begins with `>` names a column of numbers.
    pub(crate) fn new<const N: usize>(titles: [&'static str; N]) -> Self {
        let columns = titles
            .into_iter()
            .map(|title| Column {
                title: title.trim_start_matches('>'),
                to_the_right: title.starts_with('>'),
            })
            .collect();
        Self { columns, rows: Vec::new() }
    }

    /// Adds a row; an empty cell shows as `-`.
    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        assert_eq!(N, self.columns.len(), "a row has one cell per column");
        let shown = |cell: String| if cell.is_empty() { "-".to_owned() } else { cell };
        self.rows.push(cells.into_iter().map(shown).collect());
    }

    fn width(&self, index: usize) -> usize {
        let cells = self.rows.iter().map(|row| row[index].chars().count());
        cells.chain([self.columns[index].title.len()]).max().unwrap_or_default()
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths: Vec<usize> = (0..self.columns.len()).map(|index| self.width(index)).collect();
        let titles: Vec<String> = self.columns.iter().map(|column| column.title.to_owned()).collect();
        for row in std::iter::once(&titles).chain(&self.rows) {
            let mut line = String::new();
            for ((cell, column), width) in row.iter().zip(&self.columns).zip(&widths) {
                let padded =
                    if column.to_the_right { format!("{cell:>width$}") } else { format!("{cell:<width$}") };
                line.push_str(&padded);
                line.push_str("  ");
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_empty_cells_show() {
        let mut table = Table::new(["NAME", ">COUNT"]);
        table.row(["orders".to_owned(), "7".to_owned()]);
        table.row([String::new(), "1234567".to_owned()]);
        assert_eq!(table.to_string(), "NAME      COUNT\norders        7\n-       1234567\n");
    }
}
