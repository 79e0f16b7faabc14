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
    /// Memory that the driver's [`Memory`](crate::memory::Memory) knows. Per endpoint.
    BufferId, u64, "buffer "
);
id!(
    /// A five-tuple (UDP) or queue-pair pair (verbs): index into a session's path table.
    PathId, u16, "path "
);
