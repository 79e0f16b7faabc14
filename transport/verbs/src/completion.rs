//! What completion codes and asynchronous events mean for a path.

/// The verdict on a completed work request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It was carried out.
    Done,
    /// It was longer than the port or the buffer allows (`IBV_WC_LOC_LEN_ERR`).
    TooLong,
    /// It was thrown out, because the queue pair is in error (`IBV_WC_WR_FLUSH_ERR`).
    Flushed,
    /// Anything else, known or not: the queue pair is to be set up anew.
    Failed,
}

/// The verdict on an `ibv_wc_status`, whatever its value: a newer library may know more than we do.
pub const fn verdict(status: u32) -> Verdict {
    match status {
        0 => Verdict::Done,
        1 => Verdict::TooLong,
        5 => Verdict::Flushed,
        _ => Verdict::Failed,
    }
}

/// What an `ibv_event_type` means here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AsyncMeaning {
    /// A queue pair is broken.
    QueueFailed,
    /// The device, or the completion queue that all queue pairs share, is broken.
    DeviceFailed,
    /// The port lost its link.
    LinkDown,
    /// The port has its link (again).
    LinkUp,
    /// GIDs or LIDs have changed: peers may not reach us any more.
    AddressChanged,
    /// Nothing to us.
    Other,
}

/// The meaning of an asynchronous event, whatever its value.
pub const fn meaning(kind: u32) -> AsyncMeaning {
    match kind {
        // IBV_EVENT_QP_FATAL, QP_REQ_ERR, QP_ACCESS_ERR.
        1..=3 => AsyncMeaning::QueueFailed,
        // IBV_EVENT_CQ_ERR, DEVICE_FATAL.
        0 | 8 => AsyncMeaning::DeviceFailed,
        // IBV_EVENT_PORT_ERR.
        10 => AsyncMeaning::LinkDown,
        // IBV_EVENT_PORT_ACTIVE.
        9 => AsyncMeaning::LinkUp,
        // IBV_EVENT_LID_CHANGE, GID_CHANGE.
        11 | 18 => AsyncMeaning::AddressChanged,
        _ => AsyncMeaning::Other,
    }
}
