//! Counters of a verbs device. Nothing is dropped without one of them moving.

/// What a device has done since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct VerbsStats {
    /// Packets that send queues took.
    pub sent_packets: u64,
    /// Payload bytes that send queues took.
    pub sent_bytes: u64,
    /// Doorbells: chains of work requests posted.
    pub send_calls: u64,
    /// Packets copied into their work request.
    pub sent_inline: u64,
    /// Completions of sends, each of which told of several packets.
    pub send_completions: u64,
    /// Trains that had to wait for room in a send queue.
    pub send_blocked: u64,
    /// Trains to addresses that no queue pair can have, or from a queue pair that is not there.
    pub send_unroutable: u64,
    /// Trains dropped because their destination was not resolved in time, or could not be.
    pub send_unresolved: u64,
    /// Trains dropped because a send queue refused them or was set up anew.
    pub send_dropped: u64,
    /// Address handles made.
    pub handles_made: u64,
    /// Destinations that could not be resolved.
    pub handles_failed: u64,
    /// Packets passed to the core.
    pub received_packets: u64,
    /// Payload bytes passed to the core.
    pub received_bytes: u64,
    /// Received datagrams without payload, dropped.
    pub received_empty: u64,
    /// Received datagrams whose routing header does not say who sent them, dropped.
    pub received_unaddressed: u64,
    /// Completions with an error that is known.
    pub completions_failed: u64,
    /// Completions of a former life of a queue pair, or of requests that nobody posted.
    pub completions_stale: u64,
    /// Queue pairs set up anew after an error.
    pub queues_revived: u64,
    /// Times that the port lost its link.
    pub links_down: u64,
    /// Times that the port's GIDs or LID changed.
    pub addresses_changed: u64,
    /// Events dropped because the driver did not fetch them.
    pub events_dropped: u64,
}
