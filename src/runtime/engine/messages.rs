//! Point-to-point messages under way.

use std::collections::HashMap;

use sealane_collectives::Buffers;
use sealane_kernels::{Placement, RegionId, ViewId};
use sealane_transport::{
    BufferId, Endpoint, Error, Event, OperationError, Rank, RecvId, RecvRequest, SendId,
    SendRequest, Tag, Time,
};

/// The tag space of messages: collectives have the other half.
pub(crate) const TAG_BIT: u64 = 1 << 63;

/// A message under way, in either direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum MessageKey {
    Send(SendId),
    Recv(RecvId),
}

/// What came of a message: its length in bytes, and who sent it; of a send, nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Arrival {
    pub length: u64,
    pub source: Option<Rank>,
}

/// How a message ended.
type Ended = Result<Arrival, OperationError>;

/// See the module's text.
#[derive(Debug, Default)]
pub(crate) struct Messages {
    open: HashMap<MessageKey, ViewId>,
    ended: HashMap<MessageKey, Ended>,
}

impl Messages {
    /// Sends the whole of `region`.
    pub(crate) fn send(
        &mut self,
        (now, endpoint, buffers): (Time, &mut Endpoint, &mut Buffers),
        to: Rank,
        tag: Tag,
        region: RegionId,
        length: u64,
    ) -> Result<MessageKey, Error> {
        let view = view(buffers, region, length)?;
        let request = SendRequest {
            tag: Tag(tag.0 | TAG_BIT),
            buffer: BufferId(view.0),
            length,
            immediate: 0,
            gated: false,
            deferred_ack: false,
        };
        let sent = endpoint.send(now, to, request).map(MessageKey::Send);
        self.opened(sent, view, buffers)
    }

    /// Receives into `region`, at most `capacity` bytes.
    pub(crate) fn recv(
        &mut self,
        (now, endpoint, buffers): (Time, &mut Endpoint, &mut Buffers),
        from: Option<Rank>,
        tag: Tag,
        region: RegionId,
        capacity: u64,
    ) -> Result<MessageKey, Error> {
        let view = view(buffers, region, capacity)?;
        let request = RecvRequest {
            from,
            tag: Tag(tag.0 | TAG_BIT),
            buffer: BufferId(view.0),
            capacity,
            exact: false,
            progress: false,
        };
        let posted = endpoint.post_recv(now, request, buffers).map(MessageKey::Recv);
        self.opened(posted, view, buffers)
    }

    fn opened(
        &mut self,
        key: Result<MessageKey, Error>,
        view: ViewId,
        buffers: &mut Buffers,
    ) -> Result<MessageKey, Error> {
        match &key {
            Ok(key) => {
                self.open.insert(*key, view);
            }
            Err(_) => buffers.0.end_view(view),
        }
        key
    }

    /// Takes an event that is one of ours, and returns whose end it is.
    pub(crate) fn take(&mut self, event: &Event) -> Option<MessageKey> {
        let (key, ended) = match event {
            Event::Sent { send } => (MessageKey::Send(*send), Ok(Arrival::default())),
            Event::SendFailed { send, error } => (MessageKey::Send(*send), Err(error.clone())),
            Event::Received { recv, length, peer, .. } => {
                (MessageKey::Recv(*recv), Ok(Arrival { length: *length, source: Some(*peer) }))
            }
            Event::RecvFailed { recv, error } => (MessageKey::Recv(*recv), Err(error.clone())),
            _ => return None,
        };
        self.open.remove(&key)?;
        self.ended.insert(key, ended);
        Some(key)
    }

    /// Whether a message has ended.
    pub(crate) fn is_ended(&self, key: MessageKey) -> bool {
        self.ended.contains_key(&key)
    }

    /// Why a message failed, if it has.
    pub(crate) fn failure(&self, key: MessageKey) -> Option<OperationError> {
        self.ended.get(&key).and_then(|ended| ended.as_ref().err()).cloned()
    }

    /// How a message ended, once.
    pub(crate) fn end(&mut self, key: MessageKey) -> Option<Ended> {
        self.ended.remove(&key)
    }

    /// Withdraws a message, whatever its state: its memory is the caller's again.
    pub(crate) fn cancel(&mut self, endpoint: &mut Endpoint, key: MessageKey) {
        self.open.remove(&key);
        self.ended.remove(&key);
        // Done already: then nothing uses its memory.
        let _ = match key {
            MessageKey::Send(send) => endpoint.cancel_send(send),
            MessageKey::Recv(recv) => endpoint.cancel_recv(recv),
        };
    }

    /// Fails everything that is under way, and returns what that was, in order.
    pub(crate) fn fail_all(
        &mut self,
        endpoint: &mut Endpoint,
        error: &OperationError,
    ) -> Vec<MessageKey> {
        let mut keys: Vec<MessageKey> = self.open.keys().copied().collect();
        keys.sort_unstable();
        for key in &keys {
            self.cancel(endpoint, *key);
            self.ended.insert(*key, Err(error.clone()));
        }
        keys
    }

    /// Whether messages are under way.
    pub(crate) fn is_busy(&self) -> bool {
        !self.open.is_empty()
    }
}

fn view(buffers: &mut Buffers, region: RegionId, length: u64) -> Result<ViewId, Error> {
    let view = buffers.0.view(region, 0, length, Placement::Copy);
    view.ok_or(Error::Limit("a buffer of the message is gone"))
}
