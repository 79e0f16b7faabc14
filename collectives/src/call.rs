//! A collective call, as all ranks must make it alike.

use std::fmt;

use sealane_kernels::{Dtype, ReduceOp};
use sealane_transport::Rank;

/// Which collective.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Collective {
    /// Everyone gets the reduction of everyone's input.
    AllReduce(ReduceOp),
    /// Everyone gets the root's input.
    Broadcast(Rank),
    /// Nobody returns before everyone has called.
    Barrier,
}

impl Collective {
    /// Its name, as in errors and plans.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AllReduce(_) => "allreduce",
            Self::Broadcast(_) => "broadcast",
            Self::Barrier => "barrier",
        }
    }
}

/// A call: collective, element type and count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Call {
    /// Which collective.
    pub collective: Collective,
    /// Of which elements.
    pub dtype: Dtype,
    /// How many.
    pub count: u64,
}

impl Call {
    /// Bytes of the input.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.count * self.dtype.size() as u64
    }

    /// A digest of 32 bits by which ranks notice that they have called different things: it travels as
    /// the immediate value of every message, authenticated. FNV-1a: it guards against mistakes of the
    /// program, not against forgery, which the tag of the packet excludes.
    #[must_use]
    pub fn digest(&self, world: u32) -> u32 {
        let (kind, detail) = match self.collective {
            Collective::AllReduce(op) => (0_u8, u32::from(op.code())),
            Collective::Broadcast(root) => (1, root.0),
            Collective::Barrier => (2, 0),
        };
        let mut hash = 0x811c_9dc5_u32;
        let mut mix = |bytes: &[u8]| {
            for byte in bytes {
                hash = (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
            }
        };
        mix(&[kind, self.dtype.code()]);
        mix(&detail.to_be_bytes());
        mix(&self.count.to_be_bytes());
        mix(&world.to_be_bytes());
        hash
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { collective, dtype, count } = self;
        match collective {
            Collective::AllReduce(op) => write!(f, "allreduce of {count} {dtype} by {op}"),
            Collective::Broadcast(root) => {
                write!(f, "broadcast of {count} {dtype} from {root}")
            }
            Collective::Barrier => f.write_str("barrier"),
        }
    }
}
