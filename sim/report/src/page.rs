//! Reports, and the page that shows them.

mod html;

#[cfg(test)]
mod tests;

use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use crate::{Plot, Table};

pub use html::page;

/// A part of a report.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Section {
    /// A table.
    Table(Table),
    /// A plot.
    Plot(Plot),
    /// Text as it is, such as a configuration.
    Listing {
        /// What it is.
        title: String,
        /// The text.
        text: String,
    },
}

impl From<Table> for Section {
    fn from(table: Table) -> Self {
        Self::Table(table)
    }
}
impl From<Plot> for Section {
    fn from(plot: Plot) -> Self {
        Self::Plot(plot)
    }
}

/// Results with all that is needed to judge and repeat them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// What its files are called: letters, digits, `-` and `_`.
    pub name: String,
    /// What it is about.
    pub title: String,
    /// What must be read first: that a run was cut short, say.
    pub warnings: Vec<String>,
    /// Seed, commit, machine and the like, by name.
    pub facts: Vec<(String, String)>,
    /// Tables, plots and listings, in order.
    pub sections: Vec<Section>,
    /// What to know about all of it: limits, differences from what others measured.
    pub notes: Vec<String>,
    /// Results in full, as JSON that the tables do not hold.
    pub data: Map<String, Value>,
}

impl Report {
    /// An empty report.
    #[must_use]
    pub fn new(name: impl Into<String>, title: impl Into<String>) -> Self {
        Self { name: name.into(), title: title.into(), ..Self::default() }
    }

    /// Adds a fact.
    pub fn fact(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.facts.push((name.into(), value.into()));
    }

    /// Adds a part.
    pub fn add(&mut self, section: impl Into<Section>) {
        self.sections.push(section.into());
    }

    /// Its tables.
    pub fn tables(&self) -> impl Iterator<Item = &Table> {
        self.sections.iter().filter_map(|section| match section {
            Section::Table(table) => Some(table),
            _ => None,
        })
    }

    /// Its plots.
    pub fn plots(&self) -> impl Iterator<Item = &Plot> {
        self.sections.iter().filter_map(|section| match section {
            Section::Plot(plot) => Some(plot),
            _ => None,
        })
    }

    /// The page of this report alone.
    #[must_use]
    pub fn html(&self) -> String {
        page(&self.title, std::slice::from_ref(self))
    }

    /// Everything as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        let listing = |section: &Section| match section {
            Section::Listing { title, text } => Some(json!({ "title": title, "text": text })),
            _ => None,
        };
        let facts = self.facts.iter().map(|(name, value)| (name.clone(), json!(value)));
        json!({
            "name": self.name,
            "title": self.title,
            "warnings": self.warnings,
            "facts": facts.collect::<Map<_, _>>(),
            "tables": self.tables().map(Table::json).collect::<Vec<_>>(),
            "plots": self.plots().map(Plot::json).collect::<Vec<_>>(),
            "listings": self.sections.iter().filter_map(listing).collect::<Vec<_>>(),
            "notes": self.notes,
            "data": self.data,
        })
    }

    /// Every file of the report by name: `NAME.html`, `NAME.json`, a CSV for each table and an SVG for
    /// each plot.
    #[must_use]
    pub fn files(&self) -> Vec<(String, String)> {
        let name = &self.name;
        let mut files = vec![
            (format!("{name}.html"), self.html()),
            (format!("{name}.json"), format!("{:#}\n", self.json())),
        ];
        files.extend(self.tables().map(|table| (format!("{}.csv", table.name), table.csv())));
        files.extend(self.plots().map(|plot| (format!("{}.svg", plot.name), plot.svg())));
        files
    }

    /// Writes all [`files`](Self::files) into `folder`, which is made if it is not there. Returns their
    /// paths, the page first.
    ///
    /// # Errors
    ///
    /// What the file system says, with the path.
    pub fn write(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        let named = |path: &Path, error: &io::Error| {
            io::Error::new(error.kind(), format!("cannot write {}: {error}", path.display()))
        };
        std::fs::create_dir_all(folder).map_err(|error| named(folder, &error))?;
        let mut paths = Vec::new();
        for (name, text) in self.files() {
            let path = folder.join(name);
            std::fs::write(&path, text).map_err(|error| named(&path, &error))?;
            paths.push(path);
        }
        Ok(paths)
    }
}
