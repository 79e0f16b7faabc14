//! Packets in: open, then hand each frame to who owns it (PROTOCOL §3.3, §5).

use std::collections::VecDeque;

use crate::device::{Ecn, Route};
use crate::error::{LossCause, OperationError};
use crate::event::Event;
use crate::ids::MessageId;
use crate::memory::Memory;
use crate::message::{ControlFrame, Inbox, Outbox, Owner};
use crate::packet::{AckView, ClearHeader, Frame, FrameReader};
use crate::rma::Grants;
use crate::seal::OpenError;
use crate::stats::Stats;
use crate::time::Time;

use super::Session;

/// What packets in may touch besides the session.
pub(crate) struct Arrival<'a> {
    pub now: Time,
    pub outbox: &'a mut Outbox,
    pub inbox: &'a mut Inbox,
    pub grants: &'a Grants,
    pub memory: &'a mut dyn Memory,
    pub events: &'a mut VecDeque<Event>,
    pub stats: &'a mut Stats,
}

/// What the frames of one packet ask of the acknowledgement.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Answer {
    eliciting: bool,
    immediate: bool,
    /// The peer wants a sign of life.
    sign: bool,
    /// The packet came behind a hole, and what must be acknowledged of it is not kept.
    refused: bool,
}

impl Answer {
    pub(super) fn ask(&mut self, immediate: bool) {
        self.eliciting = true;
        self.immediate |= immediate;
    }
}

impl Session {
    /// Opens `packet` and acts on it. A packet that does not open is counted and changes nothing.
    ///
    /// # Errors
    ///
    /// When the peer closed the session or broke the protocol inside an authenticated packet.
    pub(crate) fn receive(
        &mut self,
        arrival: &mut Arrival<'_>,
        header: &ClearHeader,
        route: Route,
        ecn: Ecn,
        packet: &mut [u8],
    ) -> Result<(), LossCause> {
        let bytes = packet.len();
        let plaintext = match self.opener.open(arrival.now, header, packet) {
            Ok(plaintext) => plaintext,
            Err(OpenError::IntegrityLimit) => return Err(LossCause::KeyLimit),
            Err(error) => {
                count(arrival.stats, error);
                return Ok(());
            }
        };
        arrival.stats.packets_received += 1;
        arrival.stats.bytes_received += bytes as u64;
        self.liveness.on_heard(arrival.now);
        if let Some(path) = self.recovery.path_of(route) {
            self.last_path = path;
        }
        self.floor = self.floor.max(header.floor());
        let (floor, window) = (self.floor, self.opener.window());
        let refused =
            self.in_order.as_mut().is_some_and(|order| !order.keeps(header.number, floor, window));
        let answer = self.frames(arrival, plaintext, refused)?;
        if answer.sign {
            // Whoever asks has not heard us: the way back that we used may be dead, though this way in
            // lives. So the answer goes two ways.
            self.echo = Some(self.last_path);
            self.last_path = self.recovery.choose_path(arrival.now).unwrap_or(self.last_path);
        }
        self.acks.on_packet(
            arrival.now,
            header.number,
            ecn == Ecn::Ce,
            answer.eliciting,
            answer.immediate,
            bytes,
        );
        Ok(())
    }

    fn frames(
        &mut self,
        arrival: &mut Arrival<'_>,
        plaintext: &[u8],
        refused: bool,
    ) -> Result<Answer, LossCause> {
        let mut answer = Answer { refused, ..Answer::default() };
        for frame in FrameReader::new(plaintext) {
            let frame = frame.map_err(|_| violation(arrival.stats, "malformed frame"))?;
            self.frame(arrival, frame, &mut answer)?;
        }
        Ok(answer)
    }

    fn frame(
        &mut self,
        arrival: &mut Arrival<'_>,
        frame: Frame<'_>,
        answer: &mut Answer,
    ) -> Result<(), LossCause> {
        let peer = self.agreed.peer;
        if answer.refused && !matches!(frame, Frame::Ack(_) | Frame::Close { .. }) {
            answer.ask(true);
            return Ok(());
        }
        match frame {
            Frame::Ping => {
                answer.ask(true);
                answer.sign = true;
            }
            Frame::Probe { .. } => answer.ask(true),
            Frame::Ack(ack) => self.on_ack(arrival, &ack)?,
            Frame::Credit { eager_limit, message_limit } => {
                answer.ask(false);
                arrival.outbox.on_credit(eager_limit, message_limit);
            }
            Frame::Grant { message, limit } => {
                answer.ask(false);
                arrival.outbox.on_grant(message, limit);
            }
            Frame::Close { code, reason } => {
                return Err(LossCause::Closed { code, reason: reason.to_owned() });
            }
            Frame::Cancel { message } => {
                answer.ask(false);
                arrival.outbox.cancel(Owner::Answer(message));
                arrival
                    .inbox
                    .on_cancel(peer, message, arrival.events)
                    .map_err(|what| violation(arrival.stats, what))?;
            }
            Frame::Refuse { message, code } => {
                answer.ask(false);
                self.refused(arrival, message, code);
            }
            Frame::Write(..) | Frame::Read(_) | Frame::Atomic(_) | Frame::Result { .. } => {
                self.one_sided(arrival, frame, answer)?;
            }
            Frame::Data(header, payload) if header.message.request().is_some() => {
                answer.ask(header.ack_now);
                self.answer_to_read(arrival, &header, payload)?;
            }
            Frame::Data(header, payload) => {
                let whole = arrival
                    .inbox
                    .on_data(peer, &header, payload, arrival.memory, arrival.events)
                    .map_err(|what| violation(arrival.stats, what))?;
                answer.ask(header.ack_now || whole);
            }
        }
        Ok(())
    }

    fn refused(&self, arrival: &mut Arrival<'_>, message: MessageId, code: u16) {
        let error = OperationError::Refused(code);
        let Some(owner) = arrival.outbox.on_refuse(message) else { return };
        match owner {
            Owner::Send(send) => arrival.events.push_back(Event::SendFailed { send, error }),
            Owner::Rma(rma) => {
                arrival.outbox.end(rma, Err(error), arrival.events);
                arrival.inbox.drop_answer(self.agreed.peer, message);
            }
            Owner::Answer(request) => arrival.inbox.request_over(self.agreed.peer, request),
        }
    }

    fn on_ack(&mut self, arrival: &mut Arrival<'_>, ack: &AckView<'_>) -> Result<(), LossCause> {
        if let Some(highest) = ack.highest() {
            if highest >= self.sealer.next_number() {
                return Err(violation(arrival.stats, "acknowledgement of a packet never sent"));
            }
            self.sealer.on_acked(highest);
        }
        self.recovery.on_ack(arrival.now, ack, &mut self.outcome);
        self.settle(arrival.outbox, arrival.inbox, arrival.events, arrival.stats);
        Ok(())
    }

    /// Passes on what recovery decided: acknowledged content is done, lost content goes again.
    pub(super) fn settle(
        &mut self,
        outbox: &mut Outbox,
        inbox: &mut Inbox,
        events: &mut VecDeque<Event>,
        stats: &mut Stats,
    ) {
        for content in &self.outcome.acked {
            match content.fragment.and_then(|fragment| outbox.on_acked(fragment)) {
                None | Some(Owner::Rma(_)) => {}
                Some(Owner::Send(send)) => events.push_back(Event::Sent { send }),
                Some(Owner::Answer(message)) => inbox.request_over(self.agreed.peer, message),
            }
            if let Some(ControlFrame::Result { message, .. }) = content.frame {
                inbox.request_over(self.agreed.peer, message);
            }
        }
        for content in &self.outcome.lost {
            if let Some(fragment) = content.fragment {
                stats.fragments_resent += 1;
                outbox.on_lost(fragment);
            }
            match content.frame {
                Some(ControlFrame::Cancel { message }) => outbox.on_cancel_lost(message),
                Some(frame) => inbox.on_control_lost(self.agreed.peer, frame),
                None => {}
            }
        }
        for path in &self.outcome.ping {
            if !self.pings.contains(path) {
                self.pings.push(*path);
            }
        }
        self.outcome.clear();
    }
}

pub(super) fn violation(stats: &mut Stats, what: &'static str) -> LossCause {
    stats.dropped.violations += 1;
    LossCause::Violation(what)
}

fn count(stats: &mut Stats, error: OpenError) {
    let dropped = &mut stats.dropped;
    match error {
        OpenError::Replay => dropped.replayed += 1,
        OpenError::TooOld => dropped.too_old += 1,
        OpenError::Authentication | OpenError::IntegrityLimit => dropped.authentication += 1,
        OpenError::Generation => dropped.generation += 1,
        OpenError::Malformed => dropped.malformed_header += 1,
    }
}
