//! What one rank carried since it joined, warm-up and checks included.

use std::collections::BTreeMap;

use sealane::FaultCounters;
use sealane_transport::stats::Stats;
use serde::Serialize;

/// Counters of rank 0, in packets unless the name says otherwise.
#[derive(Debug, Serialize)]
pub(super) struct Carried {
    pub packets_sent: u64,
    pub bytes_sent: u64,
    pub packets_received: u64,
    pub bytes_received: u64,
    pub acks_sent: u64,
    pub fragments_resent: u64,
    pub keys_updated: u64,
    /// By cause, those that occurred.
    pub dropped: BTreeMap<&'static str, u64>,
    /// What was put in on purpose.
    pub injected: Option<Injected>,
}

/// Faults among the packets that came in.
#[derive(Debug, Serialize)]
pub(super) struct Injected {
    pub lost: u64,
    pub reordered: u64,
    pub duplicated: u64,
    pub corrupted: u64,
}

impl Carried {
    pub(super) fn new(stats: &Stats, injected: Option<FaultCounters>) -> Self {
        let injected = injected.map(|faults| Injected {
            lost: faults.lost,
            reordered: faults.held,
            duplicated: faults.duplicated,
            corrupted: faults.corrupted,
        });
        let dropped = stats.dropped.by_cause().into_iter().filter(|(_, packets)| *packets > 0);
        Self {
            packets_sent: stats.packets_sent,
            bytes_sent: stats.bytes_sent,
            packets_received: stats.packets_received,
            bytes_received: stats.bytes_received,
            acks_sent: stats.acks_sent,
            fragments_resent: stats.fragments_resent,
            keys_updated: stats.keys_updated,
            dropped: dropped.collect(),
            injected,
        }
    }

    /// The lines below the footer.
    pub(super) fn lines(&self) -> String {
        let Self { packets_sent, bytes_sent, packets_received, bytes_received, .. } = self;
        let Self { acks_sent, fragments_resent, .. } = self;
        let causes: Vec<String> =
            self.dropped.iter().map(|(cause, packets)| format!(", {cause} {packets}")).collect();
        let mut text = format!(
            "# Rank 0 sent {packets_sent} packets, {bytes_sent} B ({acks_sent} only acknowledged, \
             {fragments_resent} resent) under {keys} keys\n\
             # Rank 0 received {packets_received} packets, {bytes_received} B; dropped {dropped}{causes}\n",
            keys = self.keys_updated + 1,
            dropped = self.dropped.values().sum::<u64>(),
            causes = causes.concat(),
        );
        if let Some(Injected { lost, reordered, duplicated, corrupted }) = &self.injected {
            text.push_str(&format!(
                "# Faults at rank 0: {lost} lost, {reordered} reordered, {duplicated} duplicated, \
                 {corrupted} corrupted\n"
            ));
        }
        text + "#\n"
    }
}
