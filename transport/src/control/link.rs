//! One QUIC connection and what we know about it.

use std::collections::VecDeque;
use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use quinn_proto::{Connection, Dir, ReadError, StreamId, VarInt};
use zeroize::Zeroizing;

use super::hello::TlsInfo;
use super::parameters;
use super::stream::{FrameDecoder, RawFrame};
use super::tls::Report;
use crate::ids::Rank;
use crate::time::Time;

/// Bytes of frames that wait for room on a control stream; more are refused.
pub(super) const OUTBOX_MAX: usize = 16 << 20;

/// How long PARAMETERS may take after TLS is done before the connection is nudged, again and again: while a
/// handshake waits, QUIC's probe timeout doubles, and it multiplies the peer's maximum delay too (RFC 9002
/// §6.2.1), so that PARAMETERS lost in a blackout of half a second would be repeated after 13 s.
const NUDGE: Duration = Duration::from_millis(100);

/// How far a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// TLS, or PARAMETERS, are not done.
    Opening,
    /// A session stands on it.
    Established(Rank),
    /// Nothing on it matters any more; QUIC still repeats its close to a peer that missed it.
    Over,
}

/// Who began it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// We did, to reach this peer.
    Ours(Rank),
    /// A stranger did.
    Theirs,
}

/// A connection.
pub(super) struct Link {
    pub(super) connection: Connection,
    pub(super) origin: Origin,
    pub(super) stage: Stage,
    /// The local port that it uses.
    pub(super) local: u16,
    pub(super) remote: SocketAddr,
    /// When a stranger's handshake has taken too long.
    pub(super) opening_deadline: Option<Time>,
    /// When to ask for a sign of life, if PARAMETERS have not come by then.
    pub(super) nudge_at: Option<Time>,
    /// Counts as a stranger's: accepted, and not established.
    pub(super) half_open: bool,
    /// Whether it waits in the ready queue.
    pub(super) queued: bool,
    /// Something arrived on it.
    pub(super) heard: bool,
    stream: Option<StreamId>,
    decoder: FrameDecoder,
    outbox: VecDeque<Bytes>,
    outbox_bytes: usize,
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link")
            .field("origin", &self.origin)
            .field("stage", &self.stage)
            .field("remote", &self.remote)
            .finish_non_exhaustive()
    }
}

/// What reading a control stream can come to.
pub(super) enum Read {
    /// A whole frame.
    Frame(RawFrame),
    /// Nothing more for now.
    Blocked,
    /// The peer broke the stream.
    Broken(&'static str),
}

impl Link {
    pub(super) fn new(
        connection: Connection,
        origin: Origin,
        local: u16,
        remote: SocketAddr,
        opening_deadline: Option<Time>,
    ) -> Self {
        Self {
            connection,
            origin,
            stage: Stage::Opening,
            local,
            remote,
            opening_deadline,
            nudge_at: None,
            half_open: origin == Origin::Theirs,
            queued: false,
            heard: false,
            stream: None,
            decoder: FrameDecoder::new(parameters::PARAMETERS_MAX),
            outbox: VecDeque::new(),
            outbox_bytes: 0,
        }
    }

    /// What the TLS handshake has shown.
    pub(super) fn report(&self) -> Report {
        let data = self.connection.crypto_session().handshake_data();
        data.and_then(|data| data.downcast::<Report>().ok()).map(|it| *it).unwrap_or_default()
    }

    /// What TLS negotiated, or `unknown`.
    pub(super) fn tls(&self) -> TlsInfo {
        self.report().tls.unwrap_or(TlsInfo { group: "unknown", cipher: "unknown" })
    }

    /// The round trip as QUIC estimates it.
    pub(super) fn rtt(&self) -> Duration {
        self.connection.rtt()
    }

    /// The TLS exporter (RFC 8446 §7.5).
    pub(super) fn export(&self, label: &[u8], context: &[u8]) -> Option<Zeroizing<[u8; 32]>> {
        let mut secret = Zeroizing::new([0; 32]);
        let session = self.connection.crypto_session();
        session.export_keying_material(&mut *secret, label, context).ok()?;
        Some(secret)
    }

    /// Opens the control stream (client).
    pub(super) fn open_stream(&mut self) {
        self.stream = self.connection.streams().open(Dir::Bi);
    }

    /// Takes the control stream that the client opened (server).
    pub(super) fn accept_stream(&mut self) {
        if self.stream.is_none() {
            self.stream = self.connection.streams().accept(Dir::Bi);
        }
    }

    /// TLS is done, PARAMETERS are not: from now on they are not waited for in silence.
    pub(super) fn await_parameters(&mut self, now: Time) {
        self.nudge_at = (self.stage == Stage::Opening).then_some(now + NUDGE);
    }

    /// Sends a PING if it is time: its acknowledgement shows what else was lost, and ends the doubling.
    pub(super) fn nudge(&mut self, now: Time) {
        if self.nudge_at.is_some_and(|at| at <= now) {
            self.connection.ping();
            self.nudge_at = Some(now + NUDGE);
        }
    }

    /// From now on the peer may send application frames.
    pub(super) fn establish(&mut self, peer: Rank) {
        self.stage = Stage::Established(peer);
        self.opening_deadline = None;
        self.nudge_at = None;
        self.decoder.trust();
    }

    /// Puts bytes on the control stream, as far as they fit; the rest waits.
    pub(super) fn send(&mut self, parts: impl IntoIterator<Item = Bytes>) {
        for part in parts {
            self.outbox_bytes += part.len();
            self.outbox.push_back(part);
        }
        self.write();
    }

    /// Bytes that wait for room on the stream.
    pub(super) const fn waiting(&self) -> usize {
        self.outbox_bytes
    }

    /// Moves waiting bytes onto the stream.
    pub(super) fn write(&mut self) {
        let Some(id) = self.stream else { return };
        while let Some(part) = self.outbox.front_mut() {
            let before = part.len();
            let result = if before == 0 {
                Ok(())
            } else {
                let mut send = self.connection.send_stream(id);
                send.write_chunks(std::slice::from_mut(part)).map(|_| ())
            };
            // Every error means "not now" or "never": a broken stream shows when it is read.
            if result.is_err() {
                return;
            }
            self.outbox_bytes -= before - part.len();
            if part.is_empty() {
                self.outbox.pop_front();
            }
        }
    }

    /// The next frame of the control stream.
    pub(super) fn read(&mut self) -> Read {
        loop {
            match self.decoder.next() {
                Ok(Some(frame)) => return Read::Frame(frame),
                Err(_) => return Read::Broken("control frame too long"),
                Ok(None) => {}
            }
            match self.pull() {
                Ok(true) => {}
                Ok(false) => return Read::Blocked,
                Err(what) => return Read::Broken(what),
            }
        }
    }

    /// Moves what has arrived, in order, into the decoder; whether there was anything.
    fn pull(&mut self) -> Result<bool, &'static str> {
        let Some(id) = self.stream else { return Ok(false) };
        let mut recv = self.connection.recv_stream(id);
        let Ok(mut chunks) = recv.read(true) else { return Ok(false) };
        let result = match chunks.next(usize::MAX) {
            Ok(Some(chunk)) => {
                self.decoder.push(&chunk.bytes);
                Ok(true)
            }
            Ok(None) => Err("control stream ended"),
            Err(ReadError::Blocked) => Ok(false),
            Err(ReadError::Reset(_)) => Err("control stream reset"),
        };
        // Flow control frames this asks for go out with the next poll_transmit.
        let _ = chunks.finalize();
        result
    }

    /// Closes with a code and words. What is on its way out should be transmitted before.
    pub(super) fn close(&mut self, now: std::time::Instant, code: u16, reason: &str) {
        self.stage = Stage::Over;
        self.opening_deadline = None;
        self.nudge_at = None;
        self.outbox.clear();
        self.outbox_bytes = 0;
        let reason = Bytes::copy_from_slice(reason.as_bytes());
        self.connection.close(now, VarInt::from_u32(u32::from(code)), reason);
    }
}
