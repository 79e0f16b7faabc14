//! The device contract: what a driver must offer for packets to reach the wire and come back.
//!
//! A device lends writable train buffers, posts them, and hands received packets as mutable slices
//! that the core opens in place. It works in batches and allocates nothing per packet. Sleeping and
//! waking belong to the driver, not to the core. See design brief §7 and `docs/OWNERSHIP.md`.

use std::net::SocketAddr;

/// A two-bit ECN codepoint (RFC 3168 §5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Ecn {
    /// Not ECN-capable transport.
    #[default]
    NotEct = 0b00,
    /// ECN-capable transport, codepoint 1.
    Ect1 = 0b01,
    /// ECN-capable transport, codepoint 0.
    Ect0 = 0b10,
    /// Congestion experienced.
    Ce = 0b11,
}

impl Ecn {
    /// The codepoint in the low two bits of `bits` (a TOS or traffic-class byte).
    #[must_use]
    pub const fn from_bits(bits: u8) -> Self {
        match bits & 0b11 {
            0b00 => Self::NotEct,
            0b01 => Self::Ect1,
            0b10 => Self::Ect0,
            _ => Self::Ce,
        }
    }
}

/// Where a train goes: a local port of the device (a socket, a queue pair) and a remote address.
///
/// The pair is one five-tuple, that is, one path through the network. Devices without IP addresses
/// (verbs) encode theirs in an IPv6 socket address: GID as address, LID (4791 on RoCE, which has none)
/// as port, QPN as scope id (PROTOCOL §13.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Route {
    /// Index into [`Device::local_addresses`].
    pub local: u16,
    /// The peer's address.
    pub remote: SocketAddr,
}

/// What a device can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// Short name for headers and logs: `udp`, `verbs`, `sim`.
    pub name: &'static str,
    /// The largest datagram payload that the device might carry, in bytes. Paths are probed up to it.
    pub mtu: u16,
    /// Datagram payload bytes that every path carries without probing (1200 on UDP, RFC 9000 §14).
    pub mtu_base: u16,
    /// The most packets in one train (1: no segmentation offload).
    pub train_packets: u16,
    /// The most bytes in one train.
    pub train_bytes: u32,
    /// Received packets carry ECN codepoints, and transmitted ones are marked as asked.
    pub ecn: bool,
    /// The device is itself reliable and multipath (EFA SRD): spraying rests, and loss is judged by probe
    /// timeouts alone (PROTOCOL §13.6). That its whole MTU passes is `mtu_base`'s to say.
    pub reliable: bool,
    /// Bytes that may be in flight towards this device without overrunning its receive buffers.
    pub receive_budget: u64,
}

/// Received packets of one five-tuple: one datagram, or several coalesced by GRO.
#[derive(Debug)]
pub struct Received<'a> {
    /// Where they came from, and the local port they arrived at.
    pub route: Route,
    /// The ECN codepoint of all of them.
    pub ecn: Ecn,
    /// Length of each packet but the last, which may be shorter. At least 1.
    pub stride: usize,
    /// The bytes, writable because the core opens packets in place. The device takes them back.
    pub bytes: &'a mut [u8],
}

/// A train that the core has written into a lent buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Train {
    /// Where it goes.
    pub route: Route,
    /// Bytes written, from the start of the lent buffer.
    pub length: usize,
    /// Length of each packet but the last, which may be shorter.
    pub stride: usize,
    /// The codepoint to mark.
    pub ecn: Ecn,
}

/// Why a device had to say something other than "here is a packet".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DeviceEvent {
    /// ICMP or the local stack says that nobody listens there, or no route exists. A hint: ICMP
    /// is not authenticated.
    Unreachable(Route),
    /// A datagram was larger than the path allows; the value is the largest payload known to
    /// pass, 0 if unknown. A hint.
    TooLarge(Route, u16),
    /// A local port failed and will carry nothing more.
    PortFailed(u16),
}

/// A network device, real or simulated.
pub trait Device {
    /// What it can do; constant over its life.
    fn capabilities(&self) -> &Capabilities;

    /// The address of each local port, as peers reach it. Index = [`Route::local`].
    fn local_addresses(&self) -> &[SocketAddr];

    /// Lends a writable buffer of at least [`Capabilities::train_bytes`] bytes for the next train,
    /// or `None` when the device can take no more now (it will after a wake-up).
    fn lend(&mut self) -> Option<&mut [u8]>;

    /// Posts the train that was written into the buffer lent last. A device may defer the system
    /// call until [`flush`](Self::flush). Failures surface as [`DeviceEvent`]s.
    fn post(&mut self, train: Train);

    /// Hands everything posted to the network.
    fn flush(&mut self);

    /// Passes every packet that has arrived, at most `budget` batches, to `sink`; returns how many
    /// batches it passed.
    fn poll(&mut self, budget: usize, sink: &mut dyn FnMut(Received<'_>)) -> usize;

    /// The next thing that the device has to say.
    fn poll_event(&mut self) -> Option<DeviceEvent>;
}
