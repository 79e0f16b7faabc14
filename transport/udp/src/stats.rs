//! Counters of a UDP device. Nothing is dropped without one of them moving.

/// What a device has done since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct UdpStats {
    /// Messages that the kernel accepted: a train with segmentation offload, else one datagram.
    pub sent_messages: u64,
    /// Payload bytes that the kernel accepted.
    pub sent_bytes: u64,
    /// `sendmmsg` calls.
    pub send_calls: u64,
    /// Times that a full socket buffer put trains on hold.
    pub send_blocked: u64,
    /// Datagrams refused by the kernel with an error that also became an event.
    pub send_refused: u64,
    /// Datagrams lost in the host: queue overrun (`ENOBUFS`) or out of memory (`ENOMEM`).
    pub send_dropped: u64,
    /// Trains that named a port or an address family that this device does not have.
    pub send_unroutable: u64,
    /// Times that segmentation offload was given up because the kernel or the card refused it.
    pub gso_fallbacks: u64,
    /// Batches passed to the core: a coalesced run of datagrams, or one datagram.
    pub received_batches: u64,
    /// Payload bytes passed to the core.
    pub received_bytes: u64,
    /// `recvmmsg` calls.
    pub receive_calls: u64,
    /// Received datagrams without payload, dropped.
    pub received_empty: u64,
    /// Received datagrams cut off by the buffer or without their ancillary data, dropped.
    pub received_truncated: u64,
    /// Received datagrams whose source address could not be read, dropped.
    pub received_unaddressed: u64,
    /// Messages (trains count once) dropped by the kernel because a receive buffer was full.
    pub receive_overflows: u64,
    /// Error reports read from the sockets' error queues.
    pub error_reports: u64,
    /// Events dropped because the driver did not fetch them.
    pub events_dropped: u64,
}
