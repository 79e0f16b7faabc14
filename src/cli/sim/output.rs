//! Where results go, and what is said of them.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use sealane_report::Report;

use crate::cli::Failure;

/// The commit that this binary was built from.
pub(super) const COMMIT: &str = env!("SEALANE_COMMIT");

/// Where results go if nothing else is said.
const FOLDER: &str = "sim-results";

/// Options of everything that has results.
#[derive(Clone, Debug, Args)]
pub struct Output {
    /// Folder for CSV, JSON, SVG and the HTML page; what is there is overwritten
    /// [default: sim-results/NAME].
    #[arg(long, value_name = "FOLDER")]
    pub out: Option<PathBuf>,
    /// Print the table alone; write no files.
    #[arg(long, conflicts_with = "out")]
    pub no_files: bool,
}

impl Output {
    /// The folder of results that are called `name`.
    pub(super) fn folder(&self, name: &str) -> PathBuf {
        self.out.clone().unwrap_or_else(|| Path::new(FOLDER).join(name))
    }

    /// Makes sure that the folder can be written to, before the run and not after it.
    pub(super) fn prepare(&self, name: &str) -> Result<(), Failure> {
        let folder = self.folder(name);
        if self.no_files {
            return Ok(());
        }
        std::fs::create_dir_all(&folder)
            .map_err(|error| Failure::Runtime(format!("cannot make {}: {error}", folder.display())))
    }

    /// Writes all forms of a report, and says where they are.
    pub(super) fn write(&self, report: &Report) -> Result<(), Failure> {
        if self.no_files {
            return Ok(());
        }
        let paths = report
            .write(&self.folder(&report.name))
            .map_err(|error| Failure::Runtime(error.to_string()))?;
        let names: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
        eprintln!("wrote {}", names.join(", "));
        Ok(())
    }
}

/// Prints results on standard output. A reader that closes the pipe has seen enough.
pub(super) fn say(text: &str) {
    let _ = io::stdout().write_all(text.as_bytes());
}

/// A name that is good for files: letters, digits, `-` and `_`.
pub(super) fn file_name(text: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let name: String = text.chars().map(|c| if fits(c) { c } else { '-' }).collect();
    if name.is_empty() { "scenario".to_owned() } else { name }
}

/// The facts that every report has.
pub(super) fn facts(report: &mut Report, seeds: &str, command: &str) {
    report.fact("seed", seeds);
    report.fact("commit", COMMIT);
    report.fact("version", env!("CARGO_PKG_VERSION"));
    report.fact("command", command);
}
