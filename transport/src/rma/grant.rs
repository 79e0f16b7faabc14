//! What is handed to those who may use memory: key, length, permissions, epoch (PROTOCOL §12.2).

use std::fmt;
use std::ops::BitOr;

use crate::ids::Rank;

/// Names granted memory, and proves the right to use it: 64 random bits. Never printed.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RemoteKey(pub u64);

impl fmt::Debug for RemoteKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RemoteKey(..)")
    }
}

/// What may be done to granted memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Permissions(u8);

impl Permissions {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// Remote reads.
    pub const READ: Self = Self(1 << 0);
    /// Remote writes, with and without immediate.
    pub const WRITE: Self = Self(1 << 1);
    /// Remote fetch-add and compare-swap.
    pub const ATOMIC: Self = Self(1 << 2);
    /// Everything.
    pub const ALL: Self = Self(0b111);

    /// Whether all of `other` is in it.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The bits on the wire.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// From the bits on the wire; `None` if one is unknown.
    #[must_use]
    pub const fn from_bits(bits: u8) -> Option<Self> {
        if bits & !Self::ALL.0 == 0 { Some(Self(bits)) } else { None }
    }
}

impl BitOr for Permissions {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl fmt::Display for Permissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [(Self::READ, "read"), (Self::WRITE, "write"), (Self::ATOMIC, "atomic")];
        let held: Vec<&str> =
            names.iter().filter(|(one, _)| self.contains(*one)).map(|(_, name)| *name).collect();
        f.write_str(if held.is_empty() { "nothing" } else { "" })?;
        f.write_str(&held.join("+"))
    }
}

/// The right to use a range of another rank's memory. Whoever it was granted to can use it, so it is as
/// secret as a key: hand it over encrypted, as control frames and messages are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Whose memory.
    pub owner: Rank,
    /// What proves the right.
    pub key: RemoteKey,
    /// Bytes of the range.
    pub length: u64,
    /// What may be done to it.
    pub permissions: Permissions,
    /// Until when: the owner's epoch.
    pub epoch: u32,
}

/// Bytes of an encoded grant.
pub const GRANT_LEN: usize = field::LEN;

/// Layout of an encoded grant.
mod field {
    pub const VERSION: usize = 0;
    pub const PERMISSIONS: usize = 1;
    pub const RESERVED: usize = 2;
    pub const OWNER: usize = 4;
    pub const EPOCH: usize = 8;
    pub const KEY: usize = 12;
    pub const LENGTH: usize = 20;
    pub const LEN: usize = 28;
}

/// The version of the encoding.
const VERSION: u8 = 1;

/// Why bytes are no grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GrantError {
    /// Not 28 bytes.
    #[error("a grant has {GRANT_LEN} bytes, not {0}")]
    Size(usize),
    /// An encoding that this build does not know.
    #[error("grant of version {0}")]
    Version(u8),
    /// Unknown permissions or reserved bytes are set.
    #[error("reserved bits of the grant are set")]
    Reserved,
}

impl Grant {
    /// The bytes that stand for it.
    #[must_use]
    pub fn encode(&self) -> [u8; GRANT_LEN] {
        let mut out = [0; GRANT_LEN];
        out[field::VERSION] = VERSION;
        out[field::PERMISSIONS] = self.permissions.bits();
        out[field::OWNER..field::EPOCH].copy_from_slice(&self.owner.0.to_be_bytes());
        out[field::EPOCH..field::KEY].copy_from_slice(&self.epoch.to_be_bytes());
        out[field::KEY..field::LENGTH].copy_from_slice(&self.key.0.to_be_bytes());
        out[field::LENGTH..].copy_from_slice(&self.length.to_be_bytes());
        out
    }

    /// The grant that `bytes` stand for.
    ///
    /// # Errors
    ///
    /// [`GrantError`] when they stand for none.
    pub fn decode(bytes: &[u8]) -> Result<Self, GrantError> {
        let bytes: &[u8; GRANT_LEN] =
            bytes.try_into().map_err(|_| GrantError::Size(bytes.len()))?;
        if bytes[field::VERSION] != VERSION {
            return Err(GrantError::Version(bytes[field::VERSION]));
        }
        let permissions = Permissions::from_bits(bytes[field::PERMISSIONS]);
        let reserved = &bytes[field::RESERVED..field::OWNER];
        let permissions = permissions.filter(|_| reserved == [0, 0]).ok_or(GrantError::Reserved)?;
        Ok(Self {
            owner: Rank(u32_at(bytes, field::OWNER)),
            key: RemoteKey(u64_at(bytes, field::KEY)),
            length: u64_at(bytes, field::LENGTH),
            permissions,
            epoch: u32_at(bytes, field::EPOCH),
        })
    }

    /// `offset` bytes from the start of the range.
    #[must_use]
    pub const fn at(&self, offset: u64) -> super::RemoteAddress {
        super::RemoteAddress { key: self.key, offset, epoch: self.epoch }
    }
}

fn u32_at(bytes: &[u8; GRANT_LEN], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn u64_at(bytes: &[u8; GRANT_LEN], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) << 32 | u64::from(u32_at(bytes, at + 4))
}
