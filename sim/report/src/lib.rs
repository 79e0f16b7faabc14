//! Results, and every form in which they are read: a table on the terminal, CSV, JSON, SVG plots, and
//! one HTML page that needs nothing else.
//!
//! A [`Report`] is data: facts (seed, commit, …), notes, [`Table`]s and [`Plot`]s. Rendering is pure
//! and takes no time, font or place from the machine it runs on: equal reports are equal bytes.
//!
//! ```
//! use sealane_report::{Axis, Column, Plot, Report, Role, Series, Table};
//!
//! let mut table = Table::new("goodput", "Goodput by message size");
//! table.columns = vec![Column::new("size", "B"), Column::new("goodput", "Gb/s")];
//! table.push([4096_u64.into(), 38.5.into()]);
//! let mut plot = Plot::new("goodput", "Goodput by message size");
//! plot.x = Axis::log("message size", "B");
//! plot.y = Axis::linear("goodput", "Gb/s");
//! plot.series.push(Series::new("sealane", Role::Measured).with_points([(4096.0, 38.5)]));
//! plot.series.push(Series::level("ideal", Role::Ideal, 100.0));
//! let mut report = Report::new("goodput", "Goodput over loopback");
//! report.fact("seed", "1");
//! report.add(table);
//! report.add(plot);
//! assert!(report.html().contains("<svg"));
//! assert_eq!(report.tables().count(), 1);
//! ```
#![forbid(unsafe_code)]

pub mod number;
mod page;
mod plot;
pub mod statistics;
mod table;

pub use page::{Report, Section, page};
pub use plot::{Axis, Mark, Plot, Point, Role, Scale, Series};
pub use statistics::Interval;
pub use table::{Cell, Column, Table};
