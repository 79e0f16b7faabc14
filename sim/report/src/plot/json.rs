//! A plot as JSON: what is drawn, for whoever draws it otherwise.

use serde_json::{Value, json};

use super::{Axis, Plot, Role, Scale, Series};

impl Plot {
    /// `{"name", "title", "x", "y", "series": [{"name", "role", "points": [{"x", "y", "low",
    /// "high"}]}], "notes"}`.
    #[must_use]
    pub fn json(&self) -> Value {
        let series: Vec<Value> = self.series.iter().map(one).collect();
        json!({
            "name": self.name,
            "title": self.title,
            "x": axis(&self.x),
            "y": axis(&self.y),
            "series": series,
            "notes": self.notes,
        })
    }
}

fn axis(axis: &Axis) -> Value {
    let scale = match axis.scale {
        Scale::Linear => "linear",
        Scale::Log => "log",
        Scale::Category => "category",
    };
    json!({
        "label": axis.label,
        "unit": axis.unit,
        "scale": scale,
        "categories": axis.categories,
    })
}

fn one(series: &Series) -> Value {
    let role = match series.role {
        Role::Measured => "measured",
        Role::Ideal => "ideal",
        Role::Published => "published",
        Role::Limit => "limit",
    };
    let points: Vec<Value> = series
        .points
        .iter()
        .map(|point| {
            let x = (!series.level).then_some(point.x);
            let (low, high) = (point.spread.map(|s| s.0), point.spread.map(|s| s.1));
            json!({ "x": x, "y": point.y, "low": low, "high": high })
        })
        .collect();
    json!({ "name": series.name, "role": role, "points": points })
}
