//! The transport, as the executor sees it.

use sealane_transport::{
    Endpoint, Error, Memory, Rank, RecvId, RecvRequest, SendId, SendRequest, Tag, Time,
};

/// What the executor needs of a transport.
pub trait Port {
    /// Sends a message.
    ///
    /// # Errors
    ///
    /// The transport's.
    fn send(&mut self, peer: Rank, request: SendRequest) -> Result<SendId, Error>;
    /// Lets bytes of a gated send go.
    ///
    /// # Errors
    ///
    /// The transport's.
    fn release(&mut self, send: SendId, offset: u64, length: u64) -> Result<(), Error>;
    /// Posts a receive.
    ///
    /// # Errors
    ///
    /// The transport's.
    fn post_recv(&mut self, request: RecvRequest, memory: &mut dyn Memory)
    -> Result<RecvId, Error>;
    /// Withdraws a send; nothing reads its buffer afterwards. No matter if it is done already.
    fn cancel_send(&mut self, send: SendId);
    /// Withdraws a receive; nothing is placed afterwards. No matter if it is done already.
    fn cancel_recv(&mut self, recv: RecvId);
    /// The lowest tag under which a message has come that no receive has taken, and from whom.
    fn lowest_unmatched(&self) -> Option<(Rank, Tag)>;
    /// What time it is, for the flight recorder alone; nothing else depends on it.
    fn now(&self) -> Time {
        Time::ZERO
    }
}

/// An endpoint at a moment, as the executor sees it.
#[derive(Debug)]
pub struct Lines<'a> {
    /// Carries the messages.
    pub endpoint: &'a mut Endpoint,
    /// The time of the call.
    pub now: Time,
}

impl Port for Lines<'_> {
    fn send(&mut self, peer: Rank, request: SendRequest) -> Result<SendId, Error> {
        self.endpoint.send(self.now, peer, request)
    }

    fn release(&mut self, send: SendId, offset: u64, length: u64) -> Result<(), Error> {
        self.endpoint.release(send, offset, length)
    }

    fn post_recv(
        &mut self,
        request: RecvRequest,
        memory: &mut dyn Memory,
    ) -> Result<RecvId, Error> {
        self.endpoint.post_recv(self.now, request, memory)
    }

    fn cancel_send(&mut self, send: SendId) {
        // Done already: nothing reads its buffer.
        let _ = self.endpoint.cancel_send(send);
    }

    fn cancel_recv(&mut self, recv: RecvId) {
        let _ = self.endpoint.cancel_recv(recv);
    }

    fn lowest_unmatched(&self) -> Option<(Rank, Tag)> {
        self.endpoint.lowest_unmatched()
    }

    fn now(&self) -> Time {
        self.now
    }
}
