//! Credits and grants: what the peers may send, and the frames that tell them (PROTOCOL §6.4, §6.5).

use crate::ids::Rank;
use crate::limits::MESSAGE_WINDOW;

use super::peer::{Due, Request};
use super::{ControlFrame, Inbox};

impl Inbox {
    /// Has a frame sent to a peer.
    pub(super) fn due(&mut self, rank: Rank, due: Due) {
        let Some(peer) = self.peers.get_mut(&rank) else { return };
        if peer.due.is_empty() {
            self.ready.push_back(rank);
        }
        peer.due.push_back(due);
    }

    /// Has a CREDIT sent once a quarter of a budget has become free.
    pub(super) fn credit(&mut self, rank: Rank) {
        let budget = self.eager_budget;
        let Some(peer) = self.peers.get_mut(&rank) else { return };
        let eager = peer.eager_released + budget - peer.eager_advertised;
        let messages = peer.message_limit() - peer.messages_advertised;
        let worth = eager > 0 && eager >= budget / 4 || messages >= MESSAGE_WINDOW / 4;
        if worth && !peer.credit_due {
            peer.credit_due = true;
            self.due(rank, Due::Credit);
        }
    }

    /// Hands out grants as far as the pool goes, one chunk a turn.
    pub(super) fn grant(&mut self) {
        while let Some((rank, message)) = self.pool.next() {
            let Some(peer) = self.peers.get_mut(&rank) else { continue };
            let Some(incoming) = peer.messages.get_mut(&message) else { continue };
            incoming.wants = false;
            let wanted = incoming.grantable();
            if wanted == 0 {
                continue;
            }
            let before = incoming.outstanding();
            let given = self.pool.take(wanted);
            incoming.granted = incoming.granted.max(incoming.arrived) + given;
            // What came on the eager budget needs no room in the pool.
            self.pool.give_back(given - (incoming.outstanding() - before));
            if incoming.grantable() > 0 {
                incoming.wants = true;
                self.pool.want(rank, message);
            }
            if !incoming.grant_due {
                incoming.grant_due = true;
                self.due(rank, Due::Grant(message));
            }
        }
    }

    /// The next peer that has a control frame to send.
    pub fn poll_ready(&mut self) -> Option<Rank> {
        self.ready.pop_front()
    }

    /// Whether [`next_control`](Self::next_control) has one.
    #[must_use]
    pub fn has_control(&self, rank: Rank) -> bool {
        self.peers.get(&rank).is_some_and(|peer| !peer.due.is_empty())
    }

    /// The next control frame for a peer, with the latest state.
    pub fn next_control(&mut self, rank: Rank) -> Option<ControlFrame> {
        let budget = self.eager_budget;
        let peer = self.peers.get_mut(&rank)?;
        while let Some(due) = peer.due.pop_front() {
            match due {
                Due::Refuse(message, code) => {
                    return Some(ControlFrame::Refuse { message, code });
                }
                Due::Result(message) => {
                    if let Some(Request::Ended { status, value }) = peer.requests.get(&message) {
                        let (status, value) = (*status, *value);
                        return Some(ControlFrame::Result { message, status, value });
                    }
                }
                Due::Credit => {
                    peer.credit_due = false;
                    peer.eager_advertised = peer.eager_released + budget;
                    peer.messages_advertised = peer.message_limit();
                    return Some(ControlFrame::Credit {
                        eager_limit: peer.eager_advertised,
                        message_limit: peer.messages_advertised,
                    });
                }
                Due::Grant(message) => {
                    if let Some(incoming) = peer.messages.get_mut(&message) {
                        incoming.grant_due = false;
                        return Some(ControlFrame::Grant { message, limit: incoming.granted });
                    }
                }
            }
        }
        None
    }

    /// A control frame was lost: its latest state goes again, unless it is obsolete.
    pub fn on_control_lost(&mut self, rank: Rank, frame: ControlFrame) {
        let Some(peer) = self.peers.get_mut(&rank) else { return };
        match frame {
            ControlFrame::Refuse { message, code } => self.due(rank, Due::Refuse(message, code)),
            ControlFrame::Result { message, .. } => {
                if peer.requests.contains_key(&message) {
                    self.due(rank, Due::Result(message));
                }
            }
            ControlFrame::Credit { .. } if !peer.credit_due => {
                peer.credit_due = true;
                self.due(rank, Due::Credit);
            }
            ControlFrame::Grant { message, .. } => {
                if let Some(incoming) = peer.messages.get_mut(&message)
                    && !incoming.grant_due
                {
                    incoming.grant_due = true;
                    self.due(rank, Due::Grant(message));
                }
            }
            ControlFrame::Credit { .. } | ControlFrame::Cancel { .. } => {}
        }
    }
}
