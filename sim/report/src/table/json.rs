//! A table as JSON: columns with units, and rows as objects.

use serde_json::{Map, Value, json};

use super::{Cell, Table};

impl Table {
    /// `{"name", "title", "columns": [{"name", "unit"}], "rows": [{column: value}], "notes"}`.
    #[must_use]
    pub fn json(&self) -> Value {
        let columns: Vec<Value> =
            self.columns.iter().map(|c| json!({ "name": c.name, "unit": c.unit })).collect();
        let rows: Vec<Value> = self
            .rows
            .iter()
            .map(|row| {
                let fields = self.columns.iter().zip(row);
                let fields = fields.map(|(column, cell)| (column.name.clone(), value(cell)));
                Value::Object(fields.collect::<Map<_, _>>())
            })
            .collect();
        json!({
            "name": self.name,
            "title": self.title,
            "columns": columns,
            "rows": rows,
            "notes": self.notes,
        })
    }
}

fn value(cell: &Cell) -> Value {
    match cell {
        Cell::Empty => Value::Null,
        Cell::Text(text) => json!(text),
        Cell::Count(count) => json!(count),
        Cell::Number(number) => json!(number),
        Cell::Interval(interval) => json!(interval),
    }
}
