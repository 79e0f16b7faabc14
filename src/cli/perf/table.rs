//! The table: columns, units and footer as nccl-tests prints them, so that its readers' scripts
//! read ours.

use std::fmt::Write;

use serde::Serialize;

/// One measurement: out of place or in place.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Measured {
    /// Time of one operation, microseconds, averaged over iterations and ranks.
    pub time_us: f64,
    /// Bytes per time, GB/s (10^9).
    pub algbw_gbps: f64,
    /// What the busiest link must carry, GB/s: see nccl-tests' PERFORMANCE.md.
    pub busbw_gbps: f64,
    /// Elements with a wrong value, on all ranks; `None` if not checked.
    pub wrong: Option<u64>,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Row {
    /// What was measured.
    pub collective: &'static str,
    /// Bytes.
    pub size: u64,
    /// Elements.
    pub count: u64,
    /// Element type, as NCCL names it.
    #[serde(rename = "type")]
    pub dtype: &'static str,
    /// Operation, as NCCL names it.
    pub redop: &'static str,
    /// Root, -1 where there is none.
    pub root: i64,
    /// Separate buffers.
    pub out_of_place: Measured,
    /// One buffer.
    pub in_place: Measured,
}

/// The lines above the rows.
pub(super) fn heading() -> String {
    let mut text = String::from("#\n");
    let _ = writeln!(
        text,
        "# {:>10}  {:>12}  {:>8}  {:>6}  {:>6}           out-of-place                       in-place          ",
        "", "", "", "", ""
    );
    let _ = writeln!(
        text,
        "# {:>10}  {:>12}  {:>8}  {:>6}  {:>6}  {:>7}  {:>6}  {:>6} {:>6}  {:>7}  {:>6}  {:>6} {:>6}",
        "size",
        "count",
        "type",
        "redop",
        "root",
        "time",
        "algbw",
        "busbw",
        "#wrong",
        "time",
        "algbw",
        "busbw",
        "#wrong"
    );
    let _ = writeln!(
        text,
        "# {:>10}  {:>12}  {:>8}  {:>6}  {:>6}  {:>7}  {:>6}  {:>6}  {:>5}  {:>7}  {:>6}  {:>6}  {:>5}",
        "(B)",
        "(elements)",
        "",
        "",
        "",
        "(us)",
        "(GB/s)",
        "(GB/s)",
        "",
        "(us)",
        "(GB/s)",
        "(GB/s)",
        ""
    );
    text
}

/// A row.
pub(super) fn line(row: &Row) -> String {
    let mut text = format!(
        "{:>12}  {:>12}  {:>8}  {:>6}  {:>6}",
        row.size, row.count, row.dtype, row.redop, row.root
    );
    for measured in [&row.out_of_place, &row.in_place] {
        let _ = write!(
            text,
            "  {:>7}  {:>6.2}  {:>6.2}  {:>5}",
            time(measured.time_us),
            measured.algbw_gbps,
            measured.busbw_gbps,
            measured.wrong.map_or_else(|| "N/A".to_owned(), |wrong| wrong.to_string())
        );
    }
    text.push('\n');
    text
}

fn time(us: f64) -> String {
    if us >= 10_000.0 {
        format!("{us:.0}")
    } else if us >= 100.0 {
        format!("{us:.1}")
    } else {
        format!("{us:.2}")
    }
}

/// What all rows come to.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Summary {
    /// Wrong values in all rows.
    pub out_of_bounds: u64,
    /// Mean of all bus bandwidths, GB/s.
    pub avg_busbw_gbps: f64,
}

impl Summary {
    /// Sums up `rows`.
    pub(super) fn of(rows: &[Row]) -> Self {
        let measured = || rows.iter().flat_map(|row| [&row.out_of_place, &row.in_place]);
        let count = measured().count().max(1);
        Self {
            out_of_bounds: measured().filter_map(|m| m.wrong).sum(),
            avg_busbw_gbps: measured().map(|m| m.busbw_gbps).sum::<f64>() / count as f64,
        }
    }

    /// The lines below the rows.
    pub(super) fn footer(&self) -> String {
        format!(
            "{}# Avg bus bandwidth    : {} \n#\n",
            verdict(self.out_of_bounds),
            general(self.avg_busbw_gbps)
        )
    }
}

/// The line that says whether all values were right.
pub(super) fn verdict(wrong: u64) -> String {
    let verdict = if wrong == 0 { "OK" } else { "FAILED" };
    format!("# Out of bounds values : {wrong} {verdict}\n")
}

/// Six significant digits without trailing zeros: C's `%g` for values of this range.
fn general(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let magnitude = value.abs().log10().floor();
    let decimals = (5.0 - magnitude).clamp(0.0, 12.0) as usize;
    let text = format!("{value:.decimals$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}
