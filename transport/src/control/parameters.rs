//! PARAMETERS: the first frame in each direction of the control stream (PROTOCOL §2.3).
//!
//! ```text
//! version u16 | job: length u8, text | sender u32 | receiver u32 | world u32 | incarnation u64
//! session u32 | suites: count u8, u8 each | lanes u8 | packet_max u16 | eager_budget u64
//! receive_budget u64 | message_window u64 | capabilities u64
//! addresses: count u8, then family u8 (4 or 6) | ip 4 or 16 | port u16 | scope u32 (IPv6 only) each
//! extensions: kind u16 | length u16 | value, until the end; unknown kinds are ignored
//!   1 EPOCH: number u64 | proof 32
//! ```

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

use crate::error::HandshakeError;
use crate::identity::JobId;
use crate::ids::{Rank, SessionId};
use crate::limits;
use crate::seal::Suite;

/// The version of the protocol that this build speaks.
pub(super) const VERSION: u16 = 1;

/// Bytes of the longest PARAMETERS that is read: 64 IPv6 addresses take 1472, the rest is room for
/// extensions.
pub(super) const PARAMETERS_MAX: usize = 8192;

/// The extension by which a member of an epoch shows that it is one.
const EPOCH: u16 = 1;

/// Bytes of its value.
const EPOCH_BYTES: usize = 40;

/// The smallest datagram that every peer must take: QUIC's own (RFC 9000 §14).
const PACKET_MAX_LEAST: u16 = 1200;

/// What we tell every peer about ourselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalParameters {
    /// Ranks of the job; 0 if unknown.
    pub world: u32,
    /// Distinguishes this process from an earlier one of the same rank. Random.
    pub incarnation: u64,
    /// AEAD suites in order of preference.
    pub suites: Vec<Suite>,
    /// Lanes that we can open.
    pub lanes: u8,
    /// The largest datagram that we can receive, in bytes.
    pub packet_max: u16,
    /// Bytes that the peer may send before receives are posted.
    pub eager_budget: u64,
    /// Bytes in flight that our receive buffers can hold.
    pub receive_budget: u64,
    /// Messages that the peer may have open.
    pub message_window: u64,
    /// Optional capabilities, one bit each.
    pub capabilities: u64,
    /// Addresses at which our ports can be reached; an unspecified IP means "where this came from".
    pub addresses: Vec<SocketAddr>,
}

/// What a peer told us about itself, verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerParameters {
    /// Ranks of the job; 0 if unknown.
    pub world: u32,
    /// The peer's name for the session: clear in every packet that we send.
    pub session: SessionId,
    /// Distinguishes this process from an earlier one of the same rank.
    pub incarnation: u64,
    /// AEAD suites in order of preference; those that this build does not know are left out.
    pub suites: Vec<Suite>,
    /// Lanes that it can open; at least 1.
    pub lanes: u8,
    /// The largest datagram that it can receive, in bytes; at least 1200.
    pub packet_max: u16,
    /// Bytes that we may send before it has posted receives.
    pub eager_budget: u64,
    /// Bytes in flight that its receive buffers can hold.
    pub receive_budget: u64,
    /// Messages that we may have open.
    pub message_window: u64,
    /// Optional capabilities, one bit each.
    pub capabilities: u64,
    /// Addresses at which its ports can be reached, at most 64.
    pub addresses: Vec<SocketAddr>,
}

/// The extension EPOCH of PARAMETERS: number u64 | proof 32.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EpochProof {
    pub(crate) number: u64,
    pub(crate) proof: [u8; 32],
}

impl EpochProof {
    pub(crate) fn encode(&self) -> [u8; EPOCH_BYTES] {
        let mut out = [0; EPOCH_BYTES];
        out[..8].copy_from_slice(&self.number.to_be_bytes());
        out[8..].copy_from_slice(&self.proof);
        out
    }

    pub(crate) fn decode(value: &[u8]) -> Option<Self> {
        let (number, proof) = value.split_first_chunk::<8>()?;
        Some(Self { number: u64::from_be_bytes(*number), proof: proof.try_into().ok()? })
    }
}

/// PARAMETERS as they are on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Parameters {
    pub(super) job: JobId,
    pub(super) sender: Rank,
    pub(super) receiver: Rank,
    pub(super) peer: PeerParameters,
    /// The extension EPOCH.
    pub(super) epoch: Option<EpochProof>,
}

fn bad(what: &'static str) -> HandshakeError {
    HandshakeError::BadParameters(what)
}

/// Takes big-endian fields off the front of a body.
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn bytes(&mut self, count: usize) -> Result<&'a [u8], HandshakeError> {
        let (head, rest) = self.0.split_at_checked(count).ok_or(bad("truncated"))?;
        self.0 = rest;
        Ok(head)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], HandshakeError> {
        let (head, rest) = self.0.split_first_chunk().ok_or(bad("truncated"))?;
        self.0 = rest;
        Ok(*head)
    }

    fn u8(&mut self) -> Result<u8, HandshakeError> {
        self.array().map(u8::from_be_bytes)
    }

    fn u16(&mut self) -> Result<u16, HandshakeError> {
        self.array().map(u16::from_be_bytes)
    }

    fn u32(&mut self) -> Result<u32, HandshakeError> {
        self.array().map(u32::from_be_bytes)
    }

    fn u64(&mut self) -> Result<u64, HandshakeError> {
        self.array().map(u64::from_be_bytes)
    }

    fn job(&mut self) -> Result<JobId, HandshakeError> {
        let length = usize::from(self.u8()?);
        let text = std::str::from_utf8(self.bytes(length)?).map_err(|_| bad("job id"))?;
        JobId::new(text).map_err(|_| bad("job id"))
    }

    fn suites(&mut self) -> Result<Vec<Suite>, HandshakeError> {
        let count = usize::from(self.u8()?);
        let mut suites = Vec::new();
        for suite in self.bytes(count)?.iter().filter_map(|wire| Suite::from_wire(*wire)) {
            if !suites.contains(&suite) {
                suites.push(suite);
            }
        }
        Ok(suites)
    }

    fn address(&mut self) -> Result<SocketAddr, HandshakeError> {
        match self.u8()? {
            4 => {
                let ip = IpAddr::V4(Ipv4Addr::from(self.array::<4>()?));
                Ok(SocketAddr::new(ip, self.u16()?))
            }
            6 => {
                let ip = Ipv6Addr::from(self.array::<16>()?);
                let port = self.u16()?;
                Ok(SocketAddrV6::new(ip, port, 0, self.u32()?).into())
            }
            _ => Err(bad("address family")),
        }
    }

    fn addresses(&mut self) -> Result<Vec<SocketAddr>, HandshakeError> {
        let count = usize::from(self.u8()?);
        if count > limits::PORTS_MAX {
            return Err(bad("too many addresses"));
        }
        (0..count).map(|_| self.address()).collect()
    }

    /// Reads the extensions that are known, and skips the others, which must be well-formed.
    fn extensions(&mut self) -> Result<Option<EpochProof>, HandshakeError> {
        let mut epoch = None;
        while !self.0.is_empty() {
            let kind = self.u16()?;
            let length = usize::from(self.u16()?);
            let value = self.bytes(length)?;
            if kind == EPOCH {
                let proof = EpochProof::decode(value).ok_or(bad("epoch"))?;
                if epoch.replace(proof).is_some() {
                    return Err(bad("two epochs"));
                }
            }
        }
        Ok(epoch)
    }
}

impl Parameters {
    /// Reads a PARAMETERS body.
    ///
    /// # Errors
    ///
    /// [`HandshakeError::Incompatible`] for another version, whose layout is unknown;
    /// [`HandshakeError::BadParameters`] for everything malformed.
    pub(super) fn decode(body: &[u8]) -> Result<Self, HandshakeError> {
        if body.len() > PARAMETERS_MAX {
            return Err(bad("too long"));
        }
        let mut cursor = Cursor(body);
        if cursor.u16()? != VERSION {
            return Err(HandshakeError::Incompatible("protocol version"));
        }
        let job = cursor.job()?;
        let (sender, receiver) = (Rank(cursor.u32()?), Rank(cursor.u32()?));
        let (world, incarnation) = (cursor.u32()?, cursor.u64()?);
        let peer = PeerParameters {
            world,
            incarnation,
            session: SessionId(cursor.u32()?),
            suites: cursor.suites()?,
            lanes: cursor.u8()?,
            packet_max: cursor.u16()?,
            eager_budget: cursor.u64()?,
            receive_budget: cursor.u64()?,
            message_window: cursor.u64()?,
            capabilities: cursor.u64()?,
            addresses: cursor.addresses()?,
        };
        let epoch = cursor.extensions()?;
        peer.check()?;
        Ok(Self { job, sender, receiver, peer, epoch })
    }

    /// Writes a PARAMETERS body. Suites and addresses beyond what their count can say are left out.
    pub(super) fn encode(&self) -> Vec<u8> {
        let peer = &self.peer;
        let mut out = Vec::with_capacity(256);
        out.extend_from_slice(&VERSION.to_be_bytes());
        put_counted(&mut out, self.job.as_str().as_bytes());
        for word in [self.sender.0, self.receiver.0, peer.world] {
            out.extend_from_slice(&word.to_be_bytes());
        }
        out.extend_from_slice(&peer.incarnation.to_be_bytes());
        out.extend_from_slice(&peer.session.0.to_be_bytes());
        let suites: Vec<u8> = peer.suites.iter().map(|suite| suite.wire()).collect();
        put_counted(&mut out, &suites);
        out.push(peer.lanes);
        out.extend_from_slice(&peer.packet_max.to_be_bytes());
        for word in [peer.eager_budget, peer.receive_budget, peer.message_window, peer.capabilities]
        {
            out.extend_from_slice(&word.to_be_bytes());
        }
        let addresses = &peer.addresses[..peer.addresses.len().min(limits::PORTS_MAX)];
        out.push(u8::try_from(addresses.len()).unwrap_or(u8::MAX));
        addresses.iter().for_each(|address| put_address(&mut out, address));
        if let Some(epoch) = &self.epoch {
            let value = epoch.encode();
            out.extend_from_slice(&EPOCH.to_be_bytes());
            out.extend_from_slice(&(value.len() as u16).to_be_bytes());
            out.extend_from_slice(&value);
        }
        out
    }
}

fn put_counted(out: &mut Vec<u8>, bytes: &[u8]) {
    let count = u8::try_from(bytes.len()).unwrap_or(u8::MAX);
    out.push(count);
    out.extend_from_slice(&bytes[..usize::from(count)]);
}

fn put_address(out: &mut Vec<u8>, address: &SocketAddr) {
    match address {
        SocketAddr::V4(v4) => {
            out.push(4);
            out.extend_from_slice(&v4.ip().octets());
            out.extend_from_slice(&v4.port().to_be_bytes());
        }
        SocketAddr::V6(v6) => {
            out.push(6);
            out.extend_from_slice(&v6.ip().octets());
            out.extend_from_slice(&v6.port().to_be_bytes());
            out.extend_from_slice(&v6.scope_id().to_be_bytes());
        }
    }
}

impl PeerParameters {
    /// Values that no honest peer announces.
    fn check(&self) -> Result<(), HandshakeError> {
        if self.session.0 == 0 {
            return Err(bad("session id 0"));
        }
        if self.lanes == 0 {
            return Err(bad("no lanes"));
        }
        if self.packet_max < PACKET_MAX_LEAST {
            return Err(bad("packet_max below 1200"));
        }
        if self.message_window == 0 || self.receive_budget == 0 {
            return Err(bad("a window of nothing"));
        }
        Ok(())
    }
}

impl LocalParameters {
    /// Our PARAMETERS to one peer.
    pub(super) fn to_peer(
        &self,
        job: &JobId,
        sender: Rank,
        receiver: Rank,
        session: SessionId,
        epoch: Option<EpochProof>,
    ) -> Parameters {
        Parameters {
            job: job.clone(),
            sender,
            receiver,
            peer: PeerParameters {
                world: self.world,
                session,
                incarnation: self.incarnation,
                suites: self.suites.clone(),
                lanes: self.lanes,
                packet_max: self.packet_max,
                eager_budget: self.eager_budget,
                receive_budget: self.receive_budget,
                message_window: self.message_window,
                capabilities: self.capabilities,
                addresses: self.addresses.clone(),
            },
            epoch,
        }
    }
}
