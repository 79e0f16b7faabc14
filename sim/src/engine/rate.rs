//! Line speeds, and how long bytes take.

use std::fmt;

use super::Picos;

/// Picoseconds of a second, in bits per byte: `bytes × BITS / bps` are picoseconds.
const BITS: u64 = 8_000_000_000_000;

/// A line speed in bits per second; never zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bandwidth {
    bps: u64,
    /// Picoseconds per byte, if that is a whole number, as of all usual Ethernet speeds; else 0.
    per_byte: u64,
}

impl Bandwidth {
    /// So many bits per second; 0 counts as 1.
    #[must_use]
    pub const fn from_bps(bps: u64) -> Self {
        let bps = if bps == 0 { 1 } else { bps };
        let per_byte = if BITS.is_multiple_of(bps) { BITS / bps } else { 0 };
        Self { bps, per_byte }
    }

    /// So many 10^9 bits per second.
    #[must_use]
    pub const fn from_gbps(gbps: u64) -> Self {
        Self::from_bps(gbps.saturating_mul(1_000_000_000))
    }

    /// Bits per second.
    #[must_use]
    pub const fn bps(self) -> u64 {
        self.bps
    }

    /// How long `bytes` occupy the line, rounded up to a picosecond.
    #[must_use]
    pub fn serialise(self, bytes: u64) -> Picos {
        if self.per_byte != 0 {
            return Picos(bytes.saturating_mul(self.per_byte));
        }
        let picos = (u128::from(bytes) * u128::from(BITS)).div_ceil(u128::from(self.bps));
        Picos(u64::try_from(picos).unwrap_or(u64::MAX))
    }

    /// Whole bytes that the line carries in `span`.
    #[must_use]
    pub fn bytes_in(self, span: Picos) -> u64 {
        let bytes = u128::from(span.0) * u128::from(self.bps) / u128::from(BITS);
        u64::try_from(bytes).unwrap_or(u64::MAX)
    }
}

/// Time that a packet costs whoever works on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// For each packet.
    pub packet: Picos,
    /// For its bytes; `None` is free.
    pub rate: Option<Bandwidth>,
}

impl Cost {
    /// The cost of a packet of `bytes`.
    #[must_use]
    pub fn of(&self, bytes: u64) -> Picos {
        self.packet + self.rate.map_or(Picos::ZERO, |rate| rate.serialise(bytes))
    }

    /// Whether it costs nothing.
    #[must_use]
    pub fn is_free(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Display for Bandwidth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.bps {
            0..1_000_000_000 => write!(f, "{} Mb/s", self.bps as f64 / 1e6),
            _ => write!(f, "{} Gb/s", self.bps as f64 / 1e9),
        }
    }
}
