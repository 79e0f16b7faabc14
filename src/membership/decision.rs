//! What the members of an epoch are told (PROTOCOL §10.6).

use sealane_transport::{Epoch, Rank};
use zeroize::Zeroizing;

use crate::bootstrap::rendezvous::wire::{Malformed, Place, decode_roster, encode_roster};

/// Frame kinds, in the application's space of the control stream.
pub(crate) mod kind {
    /// A rank that shrinks, to the one that decides: I am here, and this is where I shall be.
    pub const PROPOSE: u16 = 0x0010;
    /// To every member: who is in, and the secret.
    pub const EPOCH: u16 = 0x0011;
    /// To a rank that is not: the others went on.
    pub const EXCLUDE: u16 = 0x0012;
    /// A newcomer, to whoever opens the door: this is where I shall be.
    pub const JOIN: u16 = 0x0013;
}

/// Bytes before the roster: purpose u8 | call u32 | number u64 | secret 32 | members u32.
const HEADER: usize = 49;

/// Why the epoch is formed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Purpose {
    Split = 1,
    Shrink = 2,
    Grow = 3,
}

impl Purpose {
    const fn from_wire(byte: u8) -> Option<Self> {
        match byte {
            1 => Some(Self::Split),
            2 => Some(Self::Shrink),
            3 => Some(Self::Grow),
            _ => None,
        }
    }
}

/// An epoch, and its members in the order of their ranks in it, each by its rank in the job.
#[derive(Clone, Debug)]
pub(crate) struct Decision {
    pub purpose: Purpose,
    /// Which call of the old communicator it answers.
    pub call: u32,
    pub epoch: Epoch,
    pub members: Vec<(Rank, Place)>,
}

/// One EPOCH frame: all of a decision but, perhaps, some of its members.
#[derive(Debug)]
pub(crate) struct Part {
    pub decision: Decision,
    /// How many members there are in all.
    pub total: u32,
}

impl Decision {
    /// The EPOCH frames.
    pub(crate) fn encode(&self) -> Vec<Vec<u8>> {
        let rosters = encode_roster(self.members.iter().map(|(rank, place)| (*rank, place)));
        let frame = |roster: Vec<u8>| {
            let mut out = Vec::with_capacity(HEADER + roster.len());
            out.push(self.purpose as u8);
            out.extend_from_slice(&self.call.to_be_bytes());
            out.extend_from_slice(&self.epoch.number().to_be_bytes());
            out.extend_from_slice(self.epoch.secret());
            out.extend_from_slice(&(self.members.len() as u32).to_be_bytes());
            out.extend_from_slice(&roster);
            out
        };
        rosters.into_iter().map(frame).collect()
    }
}

impl Part {
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let malformed = Malformed("EPOCH");
        let (header, roster) = bytes.split_at_checked(HEADER).ok_or(malformed)?;
        let word = |at: usize| {
            let bytes: [u8; 4] = header[at..at + 4].try_into().unwrap_or_default();
            u32::from_be_bytes(bytes)
        };
        let mut secret = Zeroizing::new([0; 32]);
        secret.copy_from_slice(&header[13..45]);
        let number = u64::from(word(5)) << 32 | u64::from(word(9));
        let decision = Decision {
            purpose: Purpose::from_wire(header[0]).ok_or(malformed)?,
            call: word(1),
            epoch: Epoch::new(number, secret),
            members: decode_roster(roster)?,
        };
        Ok(Self { decision, total: word(45) })
    }
}

/// PROPOSE and JOIN: call u32 | place.
pub(crate) fn encode_place(call: u32, place: &Place) -> Vec<u8> {
    let mut out = call.to_be_bytes().to_vec();
    out.extend(place.encode());
    out
}

pub(crate) fn decode_place(bytes: &[u8]) -> Result<(u32, Place), Malformed> {
    let (call, place) = bytes.split_first_chunk::<4>().ok_or(Malformed("PROPOSE"))?;
    Ok((u32::from_be_bytes(*call), Place::decode(place, "PROPOSE")?))
}

#[cfg(test)]
mod tests;
