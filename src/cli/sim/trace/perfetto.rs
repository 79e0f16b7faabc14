//! Chrome's trace events (JSON), which ui.perfetto.dev and chrome://tracing read: a process for each host
//! and one for the fabric, a thread for each path, counters for queues.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::PathBuf;

use sealane_sim::engine::{Bandwidth, Picos};
use sealane_sim::fabric::{Address, Drop, LinkId, Packet};
use sealane_sim::topology::Graph;
use sealane_sim::workload::FlowResult;
use sealane_sim::world::Fault;
use sealane_transport::device::Ecn;
use serde_json::{Value, json};

use super::Sink;
use crate::cli::Failure;

/// The process of the fabric; hosts follow.
const FABRIC: u32 = 0;

/// Packets on their way that are remembered, to say how long they took.
const FLYING_MAX: usize = 1 << 20;

/// What names a packet: where it goes, and its clear header.
type Name = (Address, Address, [u8; 16]);

/// One direction of a host's cable.
#[derive(Clone, Copy, Debug)]
struct Wire {
    rate: Bandwidth,
    /// Slices of one wire do not overlap.
    busy_until: [Picos; 2],
}

/// A file that is being written.
#[derive(Debug)]
pub(super) struct Perfetto {
    pub sink: Sink,
    wire_overhead: u64,
    wires: Vec<Wire>,
    links: Vec<String>,
    flying: HashMap<Name, (u64, Picos)>,
    threads: HashMap<(u32, u32), ()>,
    next: u64,
    first: bool,
}

impl Perfetto {
    pub fn new(sink: Sink, wire_overhead: u64) -> Self {
        Self {
            sink,
            wire_overhead,
            wires: Vec::new(),
            links: Vec::new(),
            flying: HashMap::new(),
            threads: HashMap::new(),
            next: 0,
            first: true,
        }
    }

    pub fn begin(&mut self, graph: &Graph) {
        self.sink.write(b"{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n");
        self.name("process_name", FABRIC, 0, "fabric");
        let slowest = Bandwidth::from_bps(1);
        self.wires =
            vec![Wire { rate: slowest, busy_until: [Picos::ZERO; 2] }; graph.hosts as usize];
        for cable in &graph.cables {
            let (a, b) = (graph.name(cable.a), graph.name(cable.b));
            self.links.extend([format!("{a}>{b}"), format!("{b}>{a}")]);
            for end in [cable.a, cable.b] {
                if let Some(wire) = self.wires.get_mut(end.0 as usize) {
                    wire.rate = cable.rate;
                }
            }
        }
        for host in 0..graph.hosts {
            self.name("process_name", host + 1, 0, &format!("host{host}"));
        }
    }

    pub fn sent(&mut self, now: Picos, packet: &Packet, length: u16) {
        let from = packet.from.host;
        let (start, span) = self.slice(from, 0, now, length);
        let thread = self.thread(from, "out", packet.from.port, packet.to.port);
        let id = self.next;
        self.next += 1;
        if let (Some(name), true) = (name(packet), self.flying.len() < FLYING_MAX) {
            self.flying.insert(name, (id, now));
        }
        let to = format!("host{}", packet.to.host);
        let arguments = json!({ "to": to, "bytes": length, "number": number(packet) });
        let mut event = event("X", kind(packet), (from + 1, thread), start, arguments);
        event["dur"] = micros(span);
        self.put(&event);
        self.arrow("s", id, (from + 1, thread), start);
    }

    pub fn received(&mut self, now: Picos, packet: &Packet, length: u16, ecn: Ecn) {
        let to = packet.to.host;
        let end = now;
        let (start, span) = self.arrival(to, end, length);
        let thread = self.thread(to, "in", packet.to.port, packet.from.port);
        let flight = name(packet).and_then(|name| self.flying.remove(&name));
        let took = flight.map(|(_, sent)| now.since(sent).micros());
        let arguments = json!({
            "from": format!("host{}", packet.from.host),
            "bytes": length,
            "number": number(packet),
            "marked": ecn == Ecn::Ce,
            "took_us": took,
        });
        let mut event = event("X", kind(packet), (to + 1, thread), start, arguments);
        event["dur"] = micros(span);
        self.put(&event);
        if let Some((id, _)) = flight {
            self.arrow("f", id, (to + 1, thread), start);
        }
    }

    pub fn dropped(&mut self, now: Picos, link: LinkId, packet: &Packet, length: u16, cause: Drop) {
        let cause = match cause {
            Drop::Overflow => "queue full",
            Drop::Lost => "lost",
            Drop::Blackhole => "dead link",
        };
        if let Some(name) = name(packet) {
            self.flying.remove(&name);
        }
        let arguments = json!({
            "link": self.link(link),
            "from": format!("host{}", packet.from.host),
            "to": format!("host{}", packet.to.host),
            "bytes": length,
            "number": number(packet),
        });
        let mut event = event("i", &format!("drop: {cause}"), (FABRIC, 0), now, arguments);
        event["s"] = json!("p");
        self.put(&event);
    }

    pub fn queued(&mut self, now: Picos, link: LinkId, bytes: u64) {
        let name = format!("{} queue", self.link(link));
        self.put(&event("C", &name, (FABRIC, 0), now, json!({ "bytes": bytes })));
    }

    pub fn flow_ended(&mut self, flow: &FlowResult) {
        let FlowResult { flow: index, spec, started, received, acknowledged, failed } = *flow;
        let name = format!("flow {index}: {} B to host{}", spec.bytes, spec.to);
        let end = received.max(acknowledged).unwrap_or(started);
        let arguments = json!({ "failed": failed, "from": spec.from, "to": spec.to });
        for (phase, at) in [("b", started), ("e", end)] {
            let mut event = event(phase, &name, (spec.from + 1, 0), at, arguments.clone());
            event["cat"] = json!("flow");
            event["id"] = json!(format!("{}.{index}.{}", spec.from, started.0));
            self.put(&event);
        }
    }

    pub fn fault(&mut self, now: Picos, fault: &Fault, begins: bool) {
        let name = format!("{} {fault:?}", if begins { "fault:" } else { "mended:" });
        let mut event = event("i", &name, (FABRIC, 0), now, json!({}));
        event["s"] = json!("g");
        self.put(&event);
    }

    pub fn finish(mut self) -> Result<PathBuf, Failure> {
        if self.first {
            self.sink.write(b"{\"traceEvents\":[");
        }
        self.sink.write(b"\n]}\n");
        self.sink.finish()
    }

    /// When a packet is on its host's wire: after those before it.
    fn slice(&mut self, host: u32, way: usize, now: Picos, length: u16) -> (Picos, Picos) {
        let bytes = u64::from(length) + self.wire_overhead;
        let Some(wire) = self.wires.get_mut(host as usize) else { return (now, Picos::ZERO) };
        let (start, span) = (now.max(wire.busy_until[way]), wire.rate.serialise(bytes));
        wire.busy_until[way] = start + span;
        (start, span)
    }

    /// The same of a packet that has arrived by `end`.
    fn arrival(&mut self, host: u32, end: Picos, length: u16) -> (Picos, Picos) {
        let bytes = u64::from(length) + self.wire_overhead;
        let Some(wire) = self.wires.get_mut(host as usize) else { return (end, Picos::ZERO) };
        let start = end.since(wire.rate.serialise(bytes)).max(wire.busy_until[1]).min(end);
        wire.busy_until[1] = end;
        (start, end.since(start))
    }

    /// The thread of a path, named when it is first met.
    fn thread(&mut self, host: u32, way: &str, own: u16, other: u16) -> u32 {
        let outbound = u32::from(way == "out");
        let thread = 1 + outbound + 2 * (u32::from(own) << 8 | u32::from(other & 0xFF));
        if let Entry::Vacant(entry) = self.threads.entry((host, thread)) {
            entry.insert(());
            self.name("thread_name", host + 1, thread, &format!("{way} {own}/{other}"));
        }
        thread
    }

    fn link(&self, link: LinkId) -> &str {
        self.links.get(link.0 as usize).map_or("?", String::as_str)
    }

    fn name(&mut self, what: &str, process: u32, thread: u32, name: &str) {
        self.put(&json!({
            "ph": "M", "name": what, "pid": process, "tid": thread, "args": { "name": name },
        }));
    }

    /// One end of an arrow from a packet's departure to its arrival.
    fn arrow(&mut self, phase: &str, id: u64, place: (u32, u32), at: Picos) {
        let mut event = event(phase, "flight", place, at, json!({}));
        event["cat"] = json!("packet");
        event["id"] = json!(id);
        if phase == "f" {
            event["bp"] = json!("e");
        }
        self.put(&event);
    }

    fn put(&mut self, event: &Value) {
        if !self.first {
            self.sink.write(b",\n");
        }
        self.first = false;
        self.sink.write(event.to_string().as_bytes());
    }
}

fn event(
    phase: &str,
    name: &str,
    (process, thread): (u32, u32),
    at: Picos,
    arguments: Value,
) -> Value {
    json!({ "ph": phase, "name": name, "pid": process, "tid": thread, "ts": micros(at), "args": arguments })
}

/// Microseconds, as the format wants; picoseconds are kept behind the point.
fn micros(time: Picos) -> Value {
    json!(time.micros())
}

fn kind(packet: &Packet) -> &'static str {
    match packet.bytes().first() {
        Some(first) if sealane_transport::packet::is_data_plane(*first) => "data",
        _ => "control",
    }
}

fn name(packet: &Packet) -> Option<Name> {
    Some((packet.from, packet.to, *packet.bytes().first_chunk()?))
}

/// The packet's number, of data packets (PROTOCOL §3).
fn number(packet: &Packet) -> Option<u64> {
    let header: &[u8; 16] = packet.bytes().first_chunk()?;
    let [.., a, b, c, d, e, f, g, h] = *header;
    (kind(packet) == "data").then(|| u64::from_be_bytes([a, b, c, d, e, f, g, h]))
}
