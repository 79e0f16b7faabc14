//! Traces of single packets: pcapng for Wireshark, and Chrome's JSON for Perfetto.

mod pcapng;
mod perfetto;

#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use sealane_sim::engine::Picos;
use sealane_sim::fabric::{Drop, LinkId, Packet};
use sealane_sim::topology::Graph;
use sealane_sim::workload::FlowResult;
use sealane_sim::world::{Detail, Fault, Observer};
use sealane_transport::device::Ecn;

use crate::cli::Failure;
use pcapng::Pcapng;
use perfetto::Perfetto;

/// Options for traces.
#[derive(Clone, Debug, Args)]
pub struct TraceOptions {
    /// Write every packet, at both of its hosts, for Wireshark.
    #[arg(long, value_name = "FILE")]
    pcapng: Option<PathBuf>,
    /// Write packets, queues, flows and faults for ui.perfetto.dev.
    #[arg(long, value_name = "FILE")]
    perfetto: Option<PathBuf>,
    /// Trace so many packets at most; the run goes on.
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    trace_packets: u64,
}

/// A file that is being written; after an error, nothing more is.
#[derive(Debug)]
struct Sink {
    path: PathBuf,
    out: BufWriter<File>,
    error: Option<io::Error>,
}

impl Sink {
    fn create(path: &Path) -> Result<Self, Failure> {
        let file = File::create(path).map_err(|error| {
            Failure::Runtime(format!("cannot write {}: {error}", path.display()))
        })?;
        let out = BufWriter::with_capacity(1 << 16, file);
        Ok(Self { path: path.to_owned(), out, error: None })
    }

    fn write(&mut self, bytes: &[u8]) {
        if self.error.is_none() {
            self.error = self.out.write_all(bytes).err();
        }
    }

    fn finish(mut self) -> Result<PathBuf, Failure> {
        let ended = match self.error.take() {
            Some(error) => Err(error),
            None => self.out.flush(),
        };
        let path = self.path;
        ended.map_err(|error| {
            Failure::Runtime(format!("cannot write {}: {error}", path.display()))
        })?;
        Ok(path)
    }
}

/// The traces of a run.
#[derive(Debug, Default)]
pub(super) struct Traces {
    pcapng: Option<Pcapng>,
    perfetto: Option<Perfetto>,
    /// Packets that may still be traced.
    left: u64,
    /// Packets that were not.
    skipped: u64,
}

impl Traces {
    /// Creates the files, before the run and not after it.
    pub fn create(options: &TraceOptions, wire_overhead: u64) -> Result<Self, Failure> {
        let sink = |path: &Option<PathBuf>| path.as_deref().map(Sink::create).transpose();
        Ok(Self {
            pcapng: sink(&options.pcapng)?.map(Pcapng::new),
            perfetto: sink(&options.perfetto)?.map(|sink| Perfetto::new(sink, wire_overhead)),
            left: options.trace_packets,
            skipped: 0,
        })
    }

    pub fn is_empty(&self) -> bool {
        self.pcapng.is_none() && self.perfetto.is_none()
    }

    /// Whether a file could not be written.
    pub fn failed(&self) -> bool {
        self.pcapng.as_ref().is_some_and(|trace| trace.sink.error.is_some())
            || self.perfetto.as_ref().is_some_and(|trace| trace.sink.error.is_some())
    }

    /// Ends the files; says which there are, and what they do not hold.
    pub fn finish(self) -> Result<(), Failure> {
        let mut paths = Vec::new();
        if let Some(trace) = self.pcapng {
            paths.push(trace.sink.finish()?.display().to_string());
        }
        if let Some(trace) = self.perfetto {
            paths.push(trace.finish()?.display().to_string());
        }
        if !paths.is_empty() {
            eprintln!("wrote {}", paths.join(", "));
        }
        if self.skipped > 0 {
            let skipped = self.skipped;
            eprintln!("{skipped} more packets are not in the trace: --trace-packets N raises that");
        }
        Ok(())
    }
}

impl Observer for Traces {
    fn detail(&self) -> Detail {
        if self.is_empty() { Detail::Progress } else { Detail::Packets }
    }

    fn begin(&mut self, graph: &Graph) {
        if let Some(trace) = &mut self.pcapng {
            trace.begin(graph);
        }
        if let Some(trace) = &mut self.perfetto {
            trace.begin(graph);
        }
    }

    fn sent(&mut self, now: Picos, packet: &Packet, length: u16, ecn: Ecn) {
        if self.left == 0 {
            self.skipped += 1;
            return;
        }
        self.left -= 1;
        if let Some(trace) = &mut self.pcapng {
            trace.packet(now, packet, length, ecn, pcapng::Direction::Outbound);
        }
        if let Some(trace) = &mut self.perfetto {
            trace.sent(now, packet, length);
        }
    }

    fn received(&mut self, now: Picos, packet: &Packet, length: u16, ecn: Ecn) {
        if self.left == 0 {
            return;
        }
        if let Some(trace) = &mut self.pcapng {
            trace.packet(now, packet, length, ecn, pcapng::Direction::Inbound);
        }
        if let Some(trace) = &mut self.perfetto {
            trace.received(now, packet, length, ecn);
        }
    }

    fn dropped(&mut self, now: Picos, link: LinkId, packet: &Packet, length: u16, cause: Drop) {
        if let Some(trace) = self.perfetto.as_mut().filter(|_| self.left > 0) {
            trace.dropped(now, link, packet, length, cause);
        }
    }

    fn queued(&mut self, now: Picos, link: LinkId, bytes: u64) {
        if let Some(trace) = self.perfetto.as_mut().filter(|_| self.left > 0) {
            trace.queued(now, link, bytes);
        }
    }

    fn flow_ended(&mut self, flow: &FlowResult) {
        if let Some(trace) = &mut self.perfetto {
            trace.flow_ended(flow);
        }
    }

    fn fault(&mut self, now: Picos, fault: &Fault, begins: bool) {
        if let Some(trace) = &mut self.perfetto {
            trace.fault(now, fault, begins);
        }
    }
}
