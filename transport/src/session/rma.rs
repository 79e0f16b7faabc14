//! Frames of one-sided operations (PROTOCOL §12).

use crate::error::LossCause;
use crate::packet::{DataHeader, Frame};
use crate::rma::Refusal;

use super::Session;
use super::receive::{Answer, Arrival, violation};

impl Session {
    /// Acts on a frame that only sessions with one-sided operations may carry.
    pub(super) fn one_sided(
        &mut self,
        arrival: &mut Arrival<'_>,
        frame: Frame<'_>,
        answer: &mut Answer,
    ) -> Result<(), LossCause> {
        let peer = self.agreed.peer;
        if !self.agreed.one_sided {
            return Err(violation(arrival.stats, "one-sided operations were not agreed on"));
        }
        let Arrival { outbox, inbox, grants, memory, events, .. } = arrival;
        let done = match frame {
            Frame::Write(header, payload) => {
                answer.ask(header.ack_now);
                inbox.on_write(peer, (&header, payload), grants, *memory, events)
            }
            Frame::Read(request) => {
                answer.ask(false);
                inbox.on_read(peer, &request, grants, outbox)
            }
            Frame::Atomic(request) => {
                answer.ask(false);
                inbox.on_atomic(peer, &request, grants, *memory)
            }
            Frame::Result { message, status, value } => {
                answer.ask(false);
                if status != Refusal::DONE {
                    inbox.drop_answer(peer, message);
                }
                outbox.on_result(message, status, value, events)
            }
            _ => Ok(()),
        };
        done.map_err(|what| violation(arrival.stats, what))
    }

    /// Takes in a piece of what we asked the peer for.
    pub(super) fn answer_to_read(
        &mut self,
        arrival: &mut Arrival<'_>,
        header: &DataHeader,
        payload: &[u8],
    ) -> Result<(), LossCause> {
        let peer = self.agreed.peer;
        if !self.agreed.one_sided {
            return Err(violation(arrival.stats, "one-sided operations were not agreed on"));
        }
        let Arrival { outbox, inbox, memory, events, .. } = arrival;
        let done = inbox.on_answer(peer, (header, payload), outbox, *memory, events);
        done.map_err(|what| violation(arrival.stats, what))
    }
}
