//! The tables, as text.

use crate::rounds::{Row, Section};
use crate::summary::{Figures, geometric_mean};

/// Prints one table: a block per size, a line per peer.
pub fn print(section: &Section) {
    println!("\n{}", section.title);
    println!(
        "{:<44} {:>10} {:>10} {:>10} {:>8} {:>9} {:>10}",
        "", "p50 us", "p99 us", "p99.9 us", "bus GB/s", "cpu s/GB", "time/ours"
    );
    let mut sizes: Vec<usize> =
        section.rows.iter().flat_map(|row| row.figures.iter().map(|f| f.bytes)).collect();
    sizes.sort_unstable();
    sizes.dedup();
    for bytes in sizes {
        println!("{}", size(bytes));
        for row in &section.rows {
            if let Some(figures) = row.figures.iter().find(|figures| figures.bytes == bytes) {
                line(row, figures);
            }
        }
    }
    for row in section.rows.iter().filter(|row| !row.ours) {
        let ratios: Vec<f64> = row.figures.iter().filter_map(|figures| figures.ratio).collect();
        if !ratios.is_empty() {
            let least = ratios.iter().copied().fold(f64::INFINITY, f64::min);
            let mean = geometric_mean(&ratios);
            println!("{}: time over ours {mean:.2} (geometric mean), least {least:.2}", row.name);
        }
    }
    for (name, why) in &section.skipped {
        println!("skipped: {name}: {why}");
    }
}

fn line(row: &Row, figures: &Figures) {
    let optional = |value: f64, places: usize| {
        if value.is_nan() { "-".to_owned() } else { format!("{value:.places$}") }
    };
    println!(
        "  {:<42} {:>10} {:>10} {:>10} {:>8.3} {:>9} {:>10}",
        row.name,
        optional(figures.p50, 1),
        optional(figures.p99, 1),
        optional(figures.p999, 1),
        figures.bus,
        optional(figures.cpu_per_gb, 2),
        optional(figures.ratio.unwrap_or(if row.ours { 1.0 } else { f64::NAN }), 2),
    );
}

/// Bytes in the largest unit that divides them.
pub fn size(bytes: usize) -> String {
    let units = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    let unit = units.into_iter().find(|(unit, _)| bytes >= *unit && bytes.is_multiple_of(*unit));
    unit.map_or_else(|| format!("{bytes} B"), |(unit, name)| format!("{} {name}", bytes / unit))
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes_are_named_in_whole_units() {
        assert_eq!(size(8), "8 B");
        assert_eq!(size(4096), "4 KiB");
        assert_eq!(size(256 << 20), "256 MiB");
        assert_eq!(size(1025), "1025 B");
    }
}
