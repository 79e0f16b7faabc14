//! The names of things: one newtype each, so that they cannot be mixed up.

use std::fmt;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $inner:ty, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0)
            }
        }
    };
}

id!(
    /// A process of the job; the identity that certificates are bound to. Per job.
    Rank, u32, "rank "
);
id!(
    /// A sealing worker of a session; its packet numbers span all paths. Per session, direction.
    Lane, u8, "lane "
);
id!(
    /// The receiver's name for a session, clear in every data packet. Per receiving endpoint.
    SessionId, u32, "session "
);
id!(
    /// A message, numbered from 0 in the order of opening. Per session and direction; 48 bits.
    MessageId, u64, "message "
);
id!(
    /// What a receive is matched by. Per sending rank; chosen by the user.
    Tag, u64, "tag "
);
id!(
    /// A send that the user asked for. Per endpoint, never reused.
    SendId, u64, "send "
);
id!(
    /// A receive that the user posted. Per endpoint, never reused.
    RecvId, u64, "recv "
);
id!(
    /// A one-sided operation that the user asked for. Per endpoint, never reused.
    RmaId, u64, "rma "
);
id!(
    /// Memory that the driver's [`Memory`](crate::memory::Memory) knows. Per endpoint.
    BufferId, u64, "buffer "
);
id!(
    /// A five-tuple (UDP) or queue-pair pair (verbs): index into a session's path table.
    PathId, u16, "path "
);

/// Set in the id of a message that answers a read: the other bits are the request's id.
const ANSWER: u64 = crate::limits::MESSAGE_IDS_END;

impl MessageId {
    /// The id of the answer to this request.
    #[must_use]
    pub const fn answer(self) -> Self {
        Self(self.0 | ANSWER)
    }

    /// The request that this answers, if it is an answer.
    #[must_use]
    pub const fn request(self) -> Option<Self> {
        if self.0 & ANSWER == 0 { None } else { Some(Self(self.0 & !ANSWER)) }
    }
}
