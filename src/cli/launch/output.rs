//! The ranks' output, line by line, with the rank before each line.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

/// A line longer than this is passed on in pieces, so that a program that never ends one cannot
/// fill our memory.
const LINE_MAX: usize = 64 << 10;

/// Where a stream goes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Sink {
    Stdout,
    Stderr,
}

/// Threads that forward the ranks' streams.
pub(super) struct Forwarder {
    width: usize,
    done: Sender<()>,
    finished: Receiver<()>,
    running: usize,
}

impl Forwarder {
    pub(super) fn new(ranks: u32) -> Self {
        let (done, finished) = channel();
        Self { width: (ranks.max(1) - 1).to_string().len(), done, finished, running: 0 }
    }

    /// Forwards one stream of one rank until it ends.
    pub(super) fn forward(&mut self, rank: u32, stream: impl Read + Send + 'static, sink: Sink) {
        let prefix = format!("[{rank:>width$}] ", width = self.width);
        let done = self.done.clone();
        self.running += 1;
        thread::spawn(move || {
            // A reader that fails has nobody left to tell: the rank's own status says the rest.
            let _ = copy(BufReader::new(stream), prefix.as_bytes(), sink);
            let _ = done.send(());
        });
    }

    /// Waits until all streams have ended. A process that left its group on purpose may hold one
    /// open for ever, hence the limit.
    pub(super) fn finish(self, limit: Duration) {
        for _ in 0..self.running {
            if self.finished.recv_timeout(limit).is_err() {
                return;
            }
        }
    }
}

fn copy(mut stream: impl BufRead, prefix: &[u8], sink: Sink) -> io::Result<()> {
    let mut line = Vec::with_capacity(256);
    loop {
        line.clear();
        line.extend_from_slice(prefix);
        let read = (&mut stream).take(LINE_MAX as u64).read_until(b'\n', &mut line)?;
        if read == 0 {
            return Ok(());
        }
        if line.last() != Some(&b'\n') {
            line.push(b'\n');
        }
        // One write per line: lines of different ranks never mix.
        match sink {
            Sink::Stdout => {
                let mut out = io::stdout().lock();
                out.write_all(&line)?;
                out.flush()?;
            }
            Sink::Stderr => io::stderr().lock().write_all(&line)?,
        }
    }
}
