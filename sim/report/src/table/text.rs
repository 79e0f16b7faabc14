//! A table on the terminal.

use super::Table;

impl Table {
    /// The table in a fixed-width font: words to the left, numbers to the right.
    #[must_use]
    pub fn text(&self) -> String {
        let headings: Vec<String> = self.columns.iter().map(super::Column::heading).collect();
        let cells: Vec<Vec<String>> =
            self.rows.iter().map(|row| row.iter().map(super::Cell::text).collect()).collect();
        let width = |column: usize| {
            let texts = cells.iter().map(|row| &row[column]).chain([&headings[column]]);
            texts.map(|text| text.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..headings.len()).map(width).collect();
        let mut out = String::new();
        self.line(&headings, &widths, &mut out);
        let rules: Vec<String> = widths.iter().map(|width| "─".repeat(*width)).collect();
        self.line(&rules, &widths, &mut out);
        for row in &cells {
            self.line(row, &widths, &mut out);
        }
        out
    }

    fn line(&self, texts: &[String], widths: &[usize], out: &mut String) {
        let mut line = String::new();
        for (column, (text, width)) in texts.iter().zip(widths).enumerate() {
            let padding = " ".repeat(width.saturating_sub(text.chars().count()));
            line.push_str(if column == 0 { "" } else { "  " });
            if self.is_words(column) {
                line.push_str(text);
                line.push_str(&padding);
            } else {
                line.push_str(&padding);
                line.push_str(text);
            }
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
}
