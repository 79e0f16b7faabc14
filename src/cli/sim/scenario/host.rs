//! `[host]`: interfaces, what sealing costs, and whether payloads are real.

use sealane_sim::engine::{Cost, Picos};
use sealane_sim::host::NicSettings;

use super::section::Section;
use super::source::Wrong;

/// Payloads: lengths alone, or bytes that are sealed, opened and compared.
const PAYLOADS: [&str; 2] = ["phantom", "full"];

pub(super) fn read(host: &Section<'_>, usual: NicSettings) -> Result<NicSettings, Wrong> {
    let packet = |key| host.whole(key, 1200..=65_000_u16);
    let mtu = packet("mtu")?.unwrap_or(usual.mtu);
    let base = if mtu == usual.mtu { usual.mtu_base } else { mtu };
    let transmit_queue = host.size("transmit_queue")?.unwrap_or(usual.transmit_queue);
    if transmit_queue == 0 {
        return Err(host.wrong("transmit_queue", "it holds at least one packet: more than 0"));
    }
    Ok(NicSettings {
        ports: host.whole("ports", 1..=64_u16)?.unwrap_or(usual.ports),
        mtu,
        mtu_base: packet("mtu_base")?.unwrap_or(base),
        train_packets: host.whole("train_packets", 1..=64_u16)?.unwrap_or(usual.train_packets),
        ecn: host.flag("ecn")?.unwrap_or(usual.ecn),
        receive_budget: host.size("receive_budget")?.unwrap_or(usual.receive_budget),
        transmit_queue,
        seal: cost(host, "seal_rate", "seal_packet")?,
        open: cost(host, "open_rate", "open_packet")?,
        phantom: host.name("payload", &PAYLOADS)? == "phantom",
    })
}

/// What a packet costs: by its bytes, and at all. Free if nothing is said.
fn cost(host: &Section<'_>, rate: &'static str, packet: &'static str) -> Result<Cost, Wrong> {
    let packet = host.time(packet)?.unwrap_or(Picos::ZERO);
    Ok(Cost { packet, rate: host.rate(rate)? })
}
