//! The frames of the rendezvous, on the authenticated control stream (PROTOCOL §10).
//!
//! Whoever sends them has proven to hold the job's secret or a certificate of its authority, but may
//! still be broken: every length is checked, and nothing is allocated before it is.

#[cfg(test)]
mod tests;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

use sealane_transport::{Rank, limits};

/// Frame kinds, in the application's space of the control stream.
pub(crate) mod kind {
    /// Rank r to rank 0: here I am.
    pub const HELLO: u16 = 0x0001;
    /// Rank 0 to all: where everyone is, in as many frames as it takes.
    pub const ROSTER: u16 = 0x0002;
    /// Rank 0 to whoever is here: it will not be.
    pub const REJECT: u16 = 0x0003;
}

/// The most bytes that a ROSTER frame grows to: well below the limit of a control frame.
const ROSTER_BYTES: usize = 256 << 10;

/// The family of verbs addresses in a place.
const VERBS: u8 = 7;

/// The most ranks that a REJECT names; the count is always exact.
const NAMED_MAX: usize = 256;

/// One host, as its kernel names itself since boot; zero where it does not.
pub type HostId = [u8; 16];

/// A frame that is not what it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed {0} frame")]
pub(crate) struct Malformed(pub &'static str);

/// What carries a rank's packets after the rendezvous.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// UDP sockets.
    Udp,
    /// Queue pairs of an RDMA device.
    Verbs,
}

impl fmt::Display for Carrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Udp => "udp",
            Self::Verbs => "verbs",
        })
    }
}

impl Carrier {
    const fn code(self) -> u32 {
        match self {
            Self::Udp => 1,
            Self::Verbs => 2,
        }
    }

    const fn from_code(code: u32) -> Option<Self> {
        match code {
            1 => Some(Self::Udp),
            2 => Some(Self::Verbs),
            _ => None,
        }
    }
}

/// Where a rank is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub host: HostId,
    /// Of what kind the addresses are.
    pub carrier: Carrier,
    pub addresses: Vec<SocketAddr>,
}

/// HELLO: world u32 | place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hello {
    pub world: u32,
    pub place: Place,
}

/// REJECT: why rank 0 gives up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reject {
    /// 1: rank u32 | its world u32 | rank 0's world u32.
    World { rank: u32, theirs: u32, ours: u32 },
    /// 2: rank u32. Two processes have it.
    Duplicate { rank: u32 },
    /// 3: count u32 | named u16 | ranks u32. They never came.
    Missing { count: u32, ranks: Vec<u32> },
    /// 4: rank u32. It was here, and is gone.
    Lost { rank: u32 },
    /// 5: rank u32 | its carrier u32 | rank 0's carrier u32.
    Device { rank: u32, theirs: Carrier, ours: Carrier },
}

impl Reject {
    /// A MISSING that names as many of `ranks` as it may.
    pub(crate) fn missing(ranks: &[u32]) -> Self {
        let named = ranks.iter().take(NAMED_MAX).copied().collect();
        Self::Missing { count: u32::try_from(ranks.len()).unwrap_or(u32::MAX), ranks: named }
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    frame: &'static str,
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (head, rest) = self.bytes.split_at_checked(length).ok_or(Malformed(self.frame))?;
        self.bytes = rest;
        Ok(head)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let frame = self.frame;
        self.take(N)?.try_into().map_err(|_| Malformed(frame))
    }

    fn u8(&mut self) -> Result<u8, Malformed> {
        Ok(self.array::<1>()?[0])
    }

    fn u16(&mut self) -> Result<u16, Malformed> {
        self.array().map(u16::from_be_bytes)
    }

    fn u32(&mut self) -> Result<u32, Malformed> {
        self.array().map(u32::from_be_bytes)
    }

    fn carrier(&mut self) -> Result<Carrier, Malformed> {
        let frame = self.frame;
        Carrier::from_code(self.u32()?).ok_or(Malformed(frame))
    }

    /// host 16 | count u8 | count × (family u8: 4 or 6 | address | port u16), or for verbs count ×
    /// (7 | GID 16 | LID u16 | queue-pair number u32); all of one kind.
    fn place(&mut self) -> Result<Place, Malformed> {
        let host = self.array()?;
        let count = usize::from(self.u8()?);
        if count > limits::PORTS_MAX {
            return Err(Malformed(self.frame));
        }
        let mut addresses = Vec::with_capacity(count);
        let mut carrier = Carrier::Udp;
        for index in 0..count {
            let family = self.u8()?;
            let this = if family == VERBS { Carrier::Verbs } else { Carrier::Udp };
            if index > 0 && this != carrier {
                return Err(Malformed(self.frame));
            }
            carrier = this;
            addresses.push(self.address(family)?);
        }
        Ok(Place { host, carrier, addresses })
    }

    fn address(&mut self, family: u8) -> Result<SocketAddr, Malformed> {
        let ip = match family {
            4 => IpAddr::V4(Ipv4Addr::from(self.array::<4>()?)),
            6 | VERBS => IpAddr::V6(Ipv6Addr::from(self.array::<16>()?)),
            _ => return Err(Malformed(self.frame)),
        };
        let port = self.u16()?;
        Ok(match ip {
            IpAddr::V6(gid) if family == VERBS => {
                SocketAddrV6::new(gid, port, 0, self.u32()?).into()
            }
            _ => SocketAddr::new(ip, port),
        })
    }

    fn end<T>(self, value: T) -> Result<T, Malformed> {
        if self.bytes.is_empty() { Ok(value) } else { Err(Malformed(self.frame)) }
    }
}

fn put_place(out: &mut Vec<u8>, place: &Place) {
    out.extend_from_slice(&place.host);
    let count = place.addresses.len().min(limits::PORTS_MAX);
    out.push(count as u8);
    for address in &place.addresses[..count] {
        match address.ip() {
            IpAddr::V4(ip) => {
                out.push(4);
                out.extend_from_slice(&ip.octets());
            }
            IpAddr::V6(ip) => {
                out.push(if place.carrier == Carrier::Verbs { VERBS } else { 6 });
                out.extend_from_slice(&ip.octets());
            }
        }
        out.extend_from_slice(&address.port().to_be_bytes());
        if let (Carrier::Verbs, SocketAddr::V6(v6)) = (place.carrier, address) {
            out.extend_from_slice(&v6.scope_id().to_be_bytes());
        }
    }
}

impl Place {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put_place(&mut out, self);
        out
    }

    /// A place and nothing else, in a frame of this name.
    pub(crate) fn decode(bytes: &[u8], frame: &'static str) -> Result<Self, Malformed> {
        let mut reader = Reader { bytes, frame };
        let place = reader.place()?;
        reader.end(place)
    }
}

impl Hello {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = self.world.to_be_bytes().to_vec();
        put_place(&mut out, &self.place);
        out
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader { bytes, frame: "HELLO" };
        let hello = Self { world: reader.u32()?, place: reader.place()? };
        reader.end(hello)
    }
}

/// ROSTER frames for all ranks: count u32 | count × (rank u32 | place).
pub(crate) fn encode_roster<'a>(places: impl Iterator<Item = (Rank, &'a Place)>) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    let mut count = 0_u32;
    let mut out = vec![0; 4];
    for (rank, place) in places {
        count += 1;
        out.extend_from_slice(&rank.0.to_be_bytes());
        put_place(&mut out, place);
        if out.len() > ROSTER_BYTES {
            out[..4].copy_from_slice(&count.to_be_bytes());
            frames.push(std::mem::replace(&mut out, vec![0; 4]));
            count = 0;
        }
    }
    if count > 0 {
        out[..4].copy_from_slice(&count.to_be_bytes());
        frames.push(out);
    }
    frames
}

/// The ranks of one ROSTER frame.
pub(crate) fn decode_roster(bytes: &[u8]) -> Result<Vec<(Rank, Place)>, Malformed> {
    let mut reader = Reader { bytes, frame: "ROSTER" };
    let count = reader.u32()? as usize;
    // An entry has at least 21 bytes, so that a wrong count cannot make us allocate.
    let mut places = Vec::with_capacity(count.min(bytes.len() / 21));
    for _ in 0..count {
        places.push((Rank(reader.u32()?), reader.place()?));
    }
    reader.end(places)
}

impl Reject {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let mut put = |code: u8, values: &[u32]| {
            out.push(code);
            values.iter().for_each(|value| out.extend_from_slice(&value.to_be_bytes()));
        };
        match self {
            Self::World { rank, theirs, ours } => put(1, &[*rank, *theirs, *ours]),
            Self::Duplicate { rank } => put(2, &[*rank]),
            Self::Missing { count, ranks } => {
                let named = &ranks[..ranks.len().min(NAMED_MAX)];
                put(3, &[*count]);
                out.extend_from_slice(&(named.len() as u16).to_be_bytes());
                named.iter().for_each(|rank| out.extend_from_slice(&rank.to_be_bytes()));
            }
            Self::Lost { rank } => put(4, &[*rank]),
            Self::Device { rank, theirs, ours } => put(5, &[*rank, theirs.code(), ours.code()]),
        }
        out
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader { bytes, frame: "REJECT" };
        let reject = match reader.u8()? {
            1 => Self::World { rank: reader.u32()?, theirs: reader.u32()?, ours: reader.u32()? },
            2 => Self::Duplicate { rank: reader.u32()? },
            3 => {
                let count = reader.u32()?;
                let named = usize::from(reader.u16()?);
                if named > NAMED_MAX {
                    return Err(Malformed(reader.frame));
                }
                let ranks = (0..named).map(|_| reader.u32()).collect::<Result<_, _>>()?;
                Self::Missing { count, ranks }
            }
            4 => Self::Lost { rank: reader.u32()? },
            5 => Self::Device {
                rank: reader.u32()?,
                theirs: reader.carrier()?,
                ours: reader.carrier()?,
            },
            _ => return Err(Malformed(reader.frame)),
        };
        reader.end(reject)
    }
}
