//! Tables that line up on a screen and are Markdown too.

use std::fmt::Write;

/// A table whose column widths are known before its rows, so that rows can be printed as they come.
pub struct Table {
    widths: Vec<usize>,
}

impl Table {
    /// A table with these headings. The first column holds `names`, the others numbers no wider than their headings.
    pub fn new(headings: &[&str], names: impl Iterator<Item = String>) -> Self {
        let mut widths: Vec<usize> = headings.iter().map(|heading| heading.chars().count()).collect();
        if let Some(first) = widths.first_mut() {
            *first = names.map(|name| escaped(&name).chars().count()).fold(*first, usize::max);
        }
        Self { widths }
    }

    /// A whole table, line by line without their ends, each column as wide as its widest cell. Rows have as many cells as
    /// there are headings.
    pub fn lines<H: AsRef<str>, R: AsRef<[String]>>(headings: &[H], rows: &[R]) -> Vec<String> {
        let width = |column: usize| {
            let cells = rows.iter().map(|row| escaped(&row.as_ref()[column]).chars().count());
            cells.fold(headings[column].as_ref().chars().count(), usize::max)
        };
        let table = Self { widths: (0..headings.len()).map(width).collect() };
        let rows = rows.iter().map(|row| table.row(row.as_ref()));
        [table.row(headings), table.rule()].into_iter().chain(rows).collect()
    }

    /// A line, without its end: the first cell to the left, the others to the right.
    pub fn row<S: AsRef<str>>(&self, cells: &[S]) -> String {
        let mut line = "|".to_owned();
        for (column, (cell, &width)) in cells.iter().zip(&self.widths).enumerate() {
            let cell = escaped(cell.as_ref());
            // Writing to a string does not fail.
            let _ = if column == 0 { write!(line, " {cell:<width$} |") } else { write!(line, " {cell:>width$} |") };
        }
        line
    }

    /// The line below the headings, without its end.
    pub fn rule(&self) -> String {
        let mut line = "|".to_owned();
        for (column, &width) in self.widths.iter().enumerate() {
            line.push_str(&"-".repeat(width + 1));
            line.push_str(if column == 0 { "-|" } else { ":|" });
        }
        line
    }
}

/// In a Markdown table a bar ends the cell, even in a file's name.
fn escaped(cell: &str) -> String {
    cell.replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let headings = ["image", "PSNR dB"];
        let table = Table::new(&headings, ["a.png", "a|b|c"].map(str::to_owned).into_iter());
        assert_eq!(table.row(&headings), "| image   | PSNR dB |");
        assert_eq!(table.rule(), "|---------|--------:|");
        assert_eq!(table.row(&["a.png", "31.5"]), "| a.png   |    31.5 |");
        assert_eq!(table.row(&["a|b|c", "1"]), "| a\\|b\\|c |       1 |");
        let lines = Table::lines(&["a", "b"], &[["1", "12345"].map(str::to_owned)]);
        assert_eq!(lines, ["| a |     b |", "|---|------:|", "| 1 | 12345 |"]);
    }
}
