//! The tables as files: CSV, JSON, SVG, and a page that shows them.

use std::path::Path;

use sealane_report::{Axis, Cell, Column, Plot, Report, Role, Series, Table};
use serde_json::json;

use crate::Failure;
use crate::control::Task;
use crate::rounds::{Row, Section};

/// Writes everything into `folder`.
pub fn write(folder: &Path, pairs: usize, sections: &[Section]) -> Result<(), Failure> {
    let mut report = Report::new("peers", "Sealane beside what people use instead");
    report.fact("rounds", pairs.to_string());
    for (name, value) in machine() {
        report.fact(name, value);
    }
    for section in sections {
        report.add(table(section));
        report.add(plot(section));
        for (name, why) in &section.skipped {
            report.notes.push(format!("{}: skipped {name}: {why}", section.title));
        }
    }
    let data = sections.iter().map(|section| {
        let rows = section.rows.iter();
        let rows = rows.map(|row| json!({ "name": row.name, "figures": row.figures }));
        json!({
            "title": section.title,
            "task": section.task.name(),
            "ranks": section.ranks,
            "loss": section.loss,
            "rows": rows.collect::<Vec<_>>(),
        })
    });
    report.data.insert("sections".to_owned(), data.collect());
    report.write(folder)?;
    Ok(())
}

/// The name of a section's files.
fn name(section: &Section) -> String {
    let loss = section.loss.map_or(String::new(), |loss| format!("-loss-{loss}"));
    format!("{}-{}{loss}", section.task.name(), section.ranks)
}

fn table(section: &Section) -> Table {
    let mut table = Table::new(name(section), &section.title);
    table.columns = vec![
        Column::new("size", "B"),
        Column::new("who", ""),
        Column::new("p50", "us"),
        Column::new("p99", "us"),
        Column::new("p99.9", "us"),
        Column::new("bus bandwidth", "GB/s"),
        Column::new("cpu", "s/GB"),
        Column::new("time over ours", ""),
    ];
    let all = section.rows.iter().flat_map(|row| row.figures.iter().map(move |f| (row, f)));
    let mut all: Vec<_> = all.collect();
    all.sort_by_key(|(_, figures)| figures.bytes);
    for (row, figures) in all {
        let ratio = figures.ratio.unwrap_or(if row.ours { 1.0 } else { f64::NAN });
        let values = [figures.p50, figures.p99, figures.p999, figures.bus, figures.cpu_per_gb];
        let cell = |value: f64| if value.is_nan() { Cell::Empty } else { Cell::from(value) };
        let values = values.into_iter().chain([ratio]).map(cell);
        let head = [Cell::from(figures.bytes as u64), Cell::from(row.name.clone())];
        table.push(head.into_iter().chain(values));
    }
    table
}

fn plot(section: &Section) -> Plot {
    let mut plot = Plot::new(format!("{}-plot", name(section)), &section.title);
    plot.x = Axis::log("size", "B");
    plot.y = Axis::log("bus bandwidth", "GB/s");
    plot.series = section.rows.iter().map(|row| series(section.task, row)).collect();
    plot
}

fn series(task: Task, row: &Row) -> Series {
    let points = row.figures.iter().map(|figures| (figures.bytes as f64, figures.bus));
    let roof = row.name.starts_with("roof");
    let role = if roof && task == Task::AllReduce { Role::Limit } else { Role::Measured };
    Series::new(row.name.clone(), role).with_points(points)
}

/// Processor, cores and kernel.
fn machine() -> [(&'static str, String); 3] {
    let processors = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = processors.lines().find_map(|line| line.strip_prefix("model name"));
    let model = model.unwrap_or("unknown").trim_start_matches([' ', '\t', ':']);
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    [
        ("processor", model.to_owned()),
        ("cores", cores.to_string()),
        ("kernel", kernel.trim().to_owned()),
    ]
}
