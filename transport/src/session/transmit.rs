//! Packets out: which frames, on which path, under which number (PROTOCOL §3, §7).
//!
//! Acknowledgements, grants and probes bypass the congestion window; only fragments wait for it.

use std::collections::VecDeque;
use std::time::Duration;

use crate::device::{Device, Ecn, Train};
use crate::error::{LossCause, OperationError};
use crate::event::Event;
use crate::ids::{Lane, PathId, Rank};
use crate::limits::{GRANULE, KEY_UPDATE_TIMEOUT};
use crate::memory::Memory;
use crate::message::{ControlFrame, FRAGMENT_ROOM_MIN, Fragment, Inbox, Outbox, Owner};
use crate::packet::{CLEAR_HEADER_LEN, ClearHeader, DATA_HEADER_LEN, FrameWriter};
use crate::recovery::SentKind;
use crate::rma::Refusal;
use crate::seal::TAG_LEN;
use crate::stats::Stats;
use crate::time::Time;

use super::{Asked, Content, Session, Verdict};

/// Trains of one session per call, so that one busy peer does not hold up the others.
const TRAINS_PER_TURN: usize = 32;

/// Packets of one train: longer ones would defeat spraying, since a train shares one path.
const TRAIN_PACKETS_MAX: u16 = 16;

/// What packets out may touch besides the session.
pub(crate) struct Outlet<'a> {
    pub now: Time,
    pub device: &'a mut dyn Device,
    pub memory: &'a dyn Memory,
    pub outbox: &'a mut Outbox,
    pub inbox: &'a mut Inbox,
    pub events: &'a mut VecDeque<Event>,
    pub stats: &'a mut Stats,
}

/// A farewell: CLOSE code and reason.
#[derive(Clone, Debug)]
pub(crate) struct Closing {
    pub code: u16,
    pub reason: String,
}

/// What a call of [`Session::transmit`] came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    /// Trains posted.
    pub trains: usize,
    /// The device takes no more now.
    pub blocked: bool,
    /// There is more to send at once.
    pub more: bool,
}

/// One packet, before it is sealed.
#[derive(Default)]
struct Draft {
    /// Bytes of the clear header and the frames.
    head: usize,
    content: Content,
    fragment: Option<Fragment>,
    eliciting: bool,
    acknowledges: bool,
}

impl Session {
    /// Posts what is due, at most [`TRAINS_PER_TURN`] trains.
    ///
    /// # Errors
    ///
    /// When the sending key is at its limit and cannot be replaced.
    pub(crate) fn transmit(&mut self, outlet: &mut Outlet<'_>) -> Result<Progress, LossCause> {
        self.rekey(outlet.now, outlet.stats)?;
        let mut progress = Progress::default();
        while self.recovery.has_room(self.sealer.next_number()) {
            let trains = progress.trains;
            if trains == TRAINS_PER_TURN {
                progress.more = true;
                break;
            }
            let posted = self.echo(outlet)?;
            let posted = if posted == Some(false) { self.probe(outlet)? } else { posted };
            let posted = if posted == Some(false) { self.train(outlet)? } else { posted };
            match posted {
                Some(true) => progress.trains += 1,
                Some(false) => break,
                None => {
                    progress.blocked = true;
                    break;
                }
            }
        }
        Ok(progress)
    }

    /// Replaces the sending key when it is due; PROTOCOL §4.4.
    fn rekey(&mut self, now: Time, stats: &mut Stats) -> Result<(), LossCause> {
        // Asked with every packet, and rarely so: the longest probe timeout is a walk over all paths.
        if self.opener.keeps_previous() {
            self.opener.retire_previous(now, self.three_pto());
        }
        if self.sealer.exhausted() {
            return Err(LossCause::KeyLimit);
        }
        if !self.sealer.rekey_due(now) {
            return Ok(());
        }
        let three_pto = self.three_pto();
        if self.sealer.can_advance(now, three_pto) {
            self.sealer.advance(now);
            stats.keys_updated += 1;
            self.rekey_asked = None;
            return Ok(());
        }
        // A side that only receives sends nothing but acknowledgements, which are never acknowledged
        // themselves: ask, but not with every call.
        let asked = self.rekey_asked.get_or_insert(Asked { since: now, again_at: now });
        if now.since(asked.since) >= KEY_UPDATE_TIMEOUT {
            return Err(LossCause::KeyLimit);
        }
        if now >= asked.again_at {
            asked.again_at = now + three_pto.max(Duration::from_millis(1));
            self.ping(self.last_path);
        }
        Ok(())
    }

    /// Answers a PING on the path that it came on, with what will go another way too; otherwise as
    /// [`probe`](Self::probe).
    fn echo(&mut self, outlet: &mut Outlet<'_>) -> Result<Option<bool>, LossCause> {
        let Some(path) = self.echo else { return Ok(Some(false)) };
        let ecn = ect(outlet.device);
        let route = self.recovery.route(path);
        let Some(buffer) = outlet.device.lend() else { return Ok(None) };
        let room = usize::from(self.recovery.mtu()).min(buffer.len());
        let packet = &mut buffer[..room];
        let mut writer = FrameWriter::new(&mut packet[CLEAR_HEADER_LEN..room - TAG_LEN]);
        let limit = self.ack_limit();
        writer.put_ack(&self.acks.build(outlet.now, self.opener.window(), self.floor, limit));
        let head = CLEAR_HEADER_LEN + writer.len();
        let draft = Draft { head, ..Draft::default() };
        let kind = SentKind::Data;
        let length = self.seal(outlet.now, packet, &draft, &[], path, kind, outlet.stats)?;
        outlet.stats.acks_sent += 1;
        outlet.device.post(Train { route, length, stride: length, ecn });
        self.echo = None;
        Ok(Some(true))
    }

    /// Posts one PING or MTU probe; `Some(false)` if none is due, `None` if the device is full.
    fn probe(&mut self, outlet: &mut Outlet<'_>) -> Result<Option<bool>, LossCause> {
        if let Some(path) = self.pings.last().copied() {
            let posted = self.post_alone(outlet, path, None)?;
            if posted.is_some() {
                self.pings.pop();
            }
            return Ok(posted);
        }
        if let Some((path, size)) = self.recovery.poll_mtu_probe(outlet.now) {
            return self.post_alone(outlet, path, Some(size));
        }
        Ok(Some(false))
    }

    /// Posts a packet of its own: a PING, or padding to `size` to see whether it passes.
    fn post_alone(
        &mut self,
        outlet: &mut Outlet<'_>,
        path: PathId,
        size: Option<u16>,
    ) -> Result<Option<bool>, LossCause> {
        let ecn = ect(outlet.device);
        let route = self.recovery.route(path);
        let Some(buffer) = outlet.device.lend() else { return Ok(None) };
        let room = size.map_or(usize::from(self.recovery.mtu()), usize::from).min(buffer.len());
        let packet = &mut buffer[..room];
        let mut writer = FrameWriter::new(&mut packet[CLEAR_HEADER_LEN..room - TAG_LEN]);
        let kind = match size {
            None => {
                writer.put_ping();
                SentKind::Ping
            }
            Some(size) => {
                writer.put_probe(u32::from(size));
                writer.pad_to_end();
                SentKind::MtuProbe(size)
            }
        };
        let head = CLEAR_HEADER_LEN + writer.len();
        let draft = Draft { head, eliciting: true, ..Draft::default() };
        let length = self.seal(outlet.now, packet, &draft, &[], path, kind, outlet.stats)?;
        outlet.device.post(Train { route, length, stride: length, ecn });
        Ok(Some(true))
    }

    /// Whether neither congestion nor the span of outstanding numbers forbids a fragment.
    fn may_send_data(&self) -> bool {
        self.recovery.window_available() > 0
            && self.recovery.has_room_for_data(self.sealer.next_number())
    }

    /// Posts one train of ordinary packets; `Some(false)` if there is nothing to say.
    fn train(&mut self, outlet: &mut Outlet<'_>) -> Result<Option<bool>, LossCause> {
        let now = outlet.now;
        let data = self.may_send_data() && outlet.outbox.has_fragment();
        let frames = outlet.inbox.has_control(self.agreed.peer) || outlet.outbox.has_control();
        if !data && !frames && !self.acks.due(now) {
            return Ok(Some(false));
        }
        let path = if data { self.recovery.choose_path(now) } else { None };
        let path = path.unwrap_or_else(|| self.recovery.ack_path(self.last_path));
        let capabilities = outlet.device.capabilities();
        let packets = capabilities.train_packets.clamp(1, TRAIN_PACKETS_MAX);
        let train_bytes = capabilities.train_bytes as usize;
        let ecn = ect(outlet.device);
        let route = self.recovery.route(path);
        let Some(buffer) = outlet.device.lend() else { return Ok(None) };
        let room = train_bytes.min(buffer.len());
        let (mut length, mut stride) = (0, usize::from(self.recovery.mtu()).min(room));
        for index in 0..packets {
            let end = length + stride;
            if end > room || !self.recovery.has_room(self.sealer.next_number()) {
                break;
            }
            let mut source = Source {
                memory: outlet.memory,
                outbox: &mut *outlet.outbox,
                inbox: &mut *outlet.inbox,
                events: &mut *outlet.events,
            };
            let packet = &mut buffer[length..end];
            let packet_len = self.packet(now, packet, path, &mut source, outlet.stats)?;
            length += packet_len;
            let full = packet_len + GRANULE as usize > stride;
            if packet_len == 0 || (index == 0 && !full) {
                break;
            }
            if index == 0 {
                stride = packet_len;
            } else if packet_len < stride {
                break;
            }
        }
        if length == 0 {
            return Ok(Some(false));
        }
        outlet.device.post(Train { route, length, stride: stride.min(length), ecn });
        Ok(Some(true))
    }

    /// Drafts and seals one packet; 0 if there is nothing to say.
    fn packet(
        &mut self,
        now: Time,
        packet: &mut [u8],
        path: PathId,
        source: &mut Source<'_>,
        stats: &mut Stats,
    ) -> Result<usize, LossCause> {
        let (draft, payload) = loop {
            let mut draft = self.draft(now, packet, source);
            if !draft.eliciting && !draft.acknowledges {
                return Ok(0);
            }
            match source.payload(&mut draft, packet) {
                Some(payload) => break (draft, payload),
                None => source.give_up(self.agreed.peer, &draft),
            }
        };
        if draft.acknowledges {
            self.acks.on_sent();
            if !draft.eliciting {
                stats.acks_sent += 1;
            }
        }
        self.seal(now, packet, &draft, payload, path, SentKind::Data, stats)
    }

    /// Writes the frames of one packet.
    fn draft(&mut self, now: Time, packet: &mut [u8], source: &mut Source<'_>) -> Draft {
        let mut draft = Draft::default();
        let end = packet.len() - TAG_LEN;
        let mut writer = FrameWriter::new(&mut packet[CLEAR_HEADER_LEN..end]);
        // One that is not due yet rides along where there is room for it; full packets stay full.
        let room = writer.remaining().saturating_sub(DATA_HEADER_LEN);
        let full = self.may_send_data() && source.outbox.exceeds(room);
        if self.acks.pending() && (self.acks.due(now) || !full) {
            let limit = self.ack_limit();
            let ack = self.acks.build(now, self.opener.window(), self.floor, limit);
            draft.acknowledges = writer.put_ack(&ack);
        }
        let frame = source.inbox.next_control(self.agreed.peer);
        if let Some(frame) = frame.or_else(|| source.outbox.next_control()) {
            draft.content.frame = Some(frame);
            draft.eliciting = true;
            frame.put(&mut writer);
        }
        let room = writer.remaining().saturating_sub(DATA_HEADER_LEN);
        let open = self.may_send_data() && room >= FRAGMENT_ROOM_MIN;
        if let Some(fragment) = open.then(|| source.outbox.next_fragment(room)).flatten() {
            fragment.header.put(&mut writer);
            draft.content.fragment = Some(fragment.reference);
            draft.fragment = Some(fragment);
            draft.eliciting = true;
        }
        draft.head = CLEAR_HEADER_LEN + writer.len();
        draft
    }

    /// Nothing from this number on is acknowledged.
    fn ack_limit(&self) -> u64 {
        self.in_order.as_ref().map_or(u64::MAX, |order| order.limit(self.floor))
    }

    /// Mints a number, seals the draft under it, and notes it as sent.
    #[expect(
        clippy::too_many_arguments,
        reason = "the one place where all layers of a packet meet"
    )]
    fn seal(
        &mut self,
        now: Time,
        packet: &mut [u8],
        draft: &Draft,
        payload: &[u8],
        path: PathId,
        kind: SentKind,
        stats: &mut Stats,
    ) -> Result<usize, LossCause> {
        let number = self.sealer.mint().map_err(|_| LossCause::KeyLimit)?;
        let value = number.value();
        let span = value - self.recovery.floor(value);
        let header = ClearHeader {
            generation: self.sealer.generation(),
            lane: Lane(0),
            span: u16::try_from(span).map_err(|_| LossCause::KeyLimit)?,
            session: self.agreed.remote_id,
            number: value,
        };
        if !header.encode(packet) {
            return Err(LossCause::KeyLimit);
        }
        let length = self
            .sealer
            .seal(number, packet, draft.head, payload)
            .map_err(|_| LossCause::KeyLimit)?;
        stats.packets_sent += 1;
        stats.bytes_sent += length as u64;
        if draft.eliciting {
            let bytes = u32::try_from(length).unwrap_or(u32::MAX);
            self.recovery.on_sent(now, value, path, bytes, draft.content, kind);
        }
        Ok(length)
    }

    /// Says goodbye on a few paths; a lost CLOSE leaves the peer to find out by silence.
    pub(crate) fn farewell(&mut self, now: Time, closing: &Closing, device: &mut dyn Device) {
        let mut stats = Stats::default();
        for _ in 0..3 {
            let Some(path) = self.recovery.choose_path(now) else { return };
            let route = self.recovery.route(path);
            let ecn = ect(device);
            let Some(buffer) = device.lend() else { return };
            let room = usize::from(self.recovery.mtu()).min(buffer.len());
            let packet = &mut buffer[..room];
            let mut writer = FrameWriter::new(&mut packet[CLEAR_HEADER_LEN..room - TAG_LEN]);
            // What has arrived is acknowledged along with the farewell: the peer may be waiting for
            // nothing else.
            let limit = self.ack_limit();
            writer.put_ack(&self.acks.build(now, self.opener.window(), self.floor, limit));
            writer.put_close(closing.code, &closing.reason);
            let head = CLEAR_HEADER_LEN + writer.len();
            let draft = Draft { head, ..Draft::default() };
            let sealed = self.seal(now, packet, &draft, &[], path, SentKind::Data, &mut stats);
            let Ok(length) = sealed else { return };
            device.post(Train { route, length, stride: length, ecn });
        }
    }

    /// Runs what is due by time. `owed` as in [`super::liveness`].
    pub(crate) fn on_timeout(
        &mut self,
        now: Time,
        owed: bool,
        outbox: &mut Outbox,
        inbox: &mut Inbox,
        events: &mut VecDeque<Event>,
        stats: &mut Stats,
    ) -> Verdict {
        self.recovery.on_timeout(now, &mut self.outcome);
        self.settle(outbox, inbox, events, stats);
        let verdict = self.liveness.check(now, owed);
        if verdict == Verdict::Probe {
            let path = self.recovery.choose_path(now).unwrap_or(self.last_path);
            self.ping(path);
        }
        verdict
    }

    /// A local port carries nothing more: what was on its way from there goes again elsewhere.
    pub(crate) fn on_port_failed(
        &mut self,
        now: Time,
        port: u16,
        outbox: &mut Outbox,
        inbox: &mut Inbox,
        events: &mut VecDeque<Event>,
        stats: &mut Stats,
    ) {
        if self.recovery.on_port_failed(now, port, &mut self.outcome) {
            self.liveness.on_all_unreachable(now);
        }
        self.settle(outbox, inbox, events, stats);
    }

    /// Notes whether an answer is owed, after commands have changed that.
    pub(crate) fn set_owed(&mut self, now: Time, owed: bool) {
        self.liveness.set_owed(now, owed);
    }
}

/// Where packets get their content from.
struct Source<'a> {
    memory: &'a dyn Memory,
    outbox: &'a mut Outbox,
    inbox: &'a mut Inbox,
    events: &'a mut VecDeque<Event>,
}

impl<'a> Source<'a> {
    /// What goes behind the frames; `None` if the memory of the fragment is gone.
    fn payload(&self, draft: &mut Draft, packet: &mut [u8]) -> Option<&'a [u8]> {
        match &draft.fragment {
            None => Some(&[]),
            Some(fragment) if fragment.gathered => self.gather(fragment, packet, &mut draft.head),
            Some(fragment) if fragment.length == 0 => Some(&[]),
            Some(fragment) => self.memory.source(fragment.buffer, fragment.offset, fragment.length),
        }
    }

    /// The bytes of a fragment that lies in several ranges: all but the last go into the packet behind
    /// its frames, and `head` with them; the last is lent. `None` if one is gone.
    fn gather(&self, fragment: &Fragment, packet: &mut [u8], head: &mut usize) -> Option<&'a [u8]> {
        let mut last: &[u8] = &[];
        for piece in self.outbox.pieces(fragment.reference) {
            let end = *head + last.len();
            packet.get_mut(*head..end)?.copy_from_slice(last);
            *head = end;
            last = self.memory.source(piece.buffer, piece.offset, piece.length as usize)?;
        }
        Some(last)
    }

    /// The memory of a fragment is gone: its message fails, and the peer is told. The other frame of the
    /// draft goes into another packet.
    fn give_up(&mut self, peer: Rank, draft: &Draft) {
        match draft.content.frame {
            Some(ControlFrame::Cancel { message }) => self.outbox.on_cancel_lost(message),
            Some(frame) => self.inbox.on_control_lost(peer, frame),
            None => {}
        }
        let Some(fragment) = &draft.fragment else { return };
        let error = OperationError::BufferGone;
        match fragment.owner {
            Owner::Send(send) => {
                self.outbox.cancel(fragment.owner);
                self.events.push_back(Event::SendFailed { send, error });
            }
            Owner::Rma(rma) => {
                self.outbox.cancel_rma(rma, error, self.events);
            }
            Owner::Answer(request) => {
                self.outbox.cancel(fragment.owner);
                self.inbox.answer_failed(peer, request, Refusal::Gone);
            }
        }
    }
}

fn ect(device: &dyn Device) -> Ecn {
    if device.capabilities().ecn { Ecn::Ect0 } else { Ecn::NotEct }
}
