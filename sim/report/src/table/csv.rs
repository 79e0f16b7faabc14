//! A table as RFC 4180 has it.

use super::{Cell, Table};

impl Table {
    /// Comma-separated values with full precision; a column of means is followed by its intervals.
    #[must_use]
    pub fn csv(&self) -> String {
        let mut out = String::new();
        let mut fields = Vec::new();
        for (index, column) in self.columns.iter().enumerate() {
            fields.push(column.heading());
            if self.has_intervals(index) {
                let spread = super::Column::new(format!("{} ci95", column.name), &column.unit);
                fields.push(spread.heading());
            }
        }
        line(&fields, &mut out);
        for row in &self.rows {
            fields.clear();
            for (index, cell) in row.iter().enumerate() {
                let (value, spread) = values(cell);
                fields.push(value);
                if self.has_intervals(index) {
                    fields.push(spread);
                }
            }
            line(&fields, &mut out);
        }
        out
    }
}

fn values(cell: &Cell) -> (String, String) {
    match cell {
        Cell::Number(value) => (plain(*value), String::new()),
        Cell::Interval(interval) => (plain(interval.mean), plain(interval.ci95)),
        other => (other.text(), String::new()),
    }
}

/// What cannot be said as a number is left empty.
fn plain(value: f64) -> String {
    if value.is_finite() { value.to_string() } else { String::new() }
}

fn line(fields: &[String], out: &mut String) {
    for (index, field) in fields.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        if field.contains([',', '"', '\n', '\r']) {
            out.push('"');
            out.push_str(&field.replace('"', "\"\""));
            out.push('"');
        } else {
            out.push_str(field);
        }
    }
    out.push_str("\r\n");
}
