//! The table: perftest's figures, one line for each size.

use serde::Serialize;

use super::latency::Figures;

/// One line.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Row {
    /// Bytes of one operation.
    pub size: u64,
    /// Operations of each initiator in the measurement of throughput.
    pub operations: u64,
    /// Payload of all initiators together, GB/s (10^9).
    pub bandwidth_gbps: f64,
    /// Operations of all initiators together, millions per second.
    pub rate_mops: f64,
    /// Of rank 0, one operation at a time.
    pub latency: Figures,
    /// Operations that were tried again because the target had not taken earlier immediates.
    pub not_ready: u64,
    /// Bytes or values that were wrong, on all ranks; `None` if not checked.
    pub wrong: Option<u64>,
}

/// The lines above the rows.
pub(super) fn heading() -> String {
    format!(
        "#\n# {:>10}  {:>9}  {:>8}  {:>9}  {:>8}  {:>9}  {:>8}  {:>8}  {:>9}  {:>8}  {:>6}\n\
         # {:>10}  {:>9}  {:>8}  {:>9}  {:>8}  {:>9}  {:>8}  {:>8}  {:>9}  {:>8}\n",
        "size",
        "ops",
        "BW",
        "MsgRate",
        "t_min",
        "t_typical",
        "t_avg",
        "t_99%",
        "t_99.9%",
        "t_max",
        "#wrong",
        "(B)",
        "",
        "(GB/s)",
        "(Mops/s)",
        "(us)",
        "(us)",
        "(us)",
        "(us)",
        "(us)",
        "(us)",
    )
}

impl Row {
    pub(super) fn line(&self) -> String {
        let Figures { min_us, typical_us, average_us, p99_us, p999_us, max_us } = self.latency;
        format!(
            "{:>12}  {:>9}  {:>8.3}  {:>9.4}  {min_us:>8.2}  {typical_us:>9.2}  {average_us:>8.2}  \
             {p99_us:>8.2}  {p999_us:>9.2}  {max_us:>8.2}  {:>6}\n",
            self.size,
            self.operations,
            self.bandwidth_gbps,
            self.rate_mops,
            self.wrong.map_or_else(|| "N/A".to_owned(), |wrong| wrong.to_string())
        )
    }
}
