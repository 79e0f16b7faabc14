//! The results as JSON.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use serde::Serialize;

use super::carried::Carried;
use super::options::Collective;
use super::session::Link;
use super::table::{Row, Summary};
use crate::cli::Failure;

/// Everything that a run has to say. Units are in the names.
#[derive(Debug, Serialize)]
pub(super) struct Report<'a> {
    pub version: &'static str,
    pub collective: Collective,
    pub ranks: u32,
    pub hosts: usize,
    pub warmup: u32,
    pub iters: u32,
    pub link: &'a Link,
    pub rows: &'a [Row],
    pub summary: Summary,
    pub rank_0: &'a Carried,
}

/// Makes sure that the file can be written, before the run and not after it.
pub(super) fn create(path: &Path) -> Result<File, Failure> {
    File::create(path)
        .map_err(|error| Failure::Runtime(format!("cannot write {}: {error}", path.display())))
}

/// Writes the report.
pub(super) fn write(path: &Path, file: File, report: &impl Serialize) -> Result<(), Failure> {
    let failed =
        |error: String| Failure::Runtime(format!("cannot write {}: {error}", path.display()));
    let mut out = BufWriter::new(file);
    serde_json::to_writer_pretty(&mut out, report).map_err(|error| failed(error.to_string()))?;
    out.write_all(b"\n").and_then(|()| out.flush()).map_err(|error| failed(error.to_string()))
}
