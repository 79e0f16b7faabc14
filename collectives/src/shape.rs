//! A call as one rank sees it: which blocks there are, and what lies where in the caller's memory.

use sealane_transport::Rank;

use crate::blocks::{Blocks, Counts};
use crate::call::{Call, Collective};
use crate::plan::Topology;
use crate::schedule::{Slot, Span};

/// The longest vector: offsets on the wire have 48 bits, messages at most 2^40 bytes.
const BYTES_MAX: u64 = 1 << 40;

/// See the module's text.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    pub(crate) call: Call,
    pub(crate) counts: Counts,
    pub(crate) rank: Rank,
    pub(crate) world: u32,
    /// Input and output are the same memory.
    pub(crate) in_place: bool,
    /// The blocks of the ranks; of an all-to-all, what we send.
    pub(crate) blocks: Blocks,
    /// Of an all-to-all, what we get.
    pub(crate) arriving: Blocks,
    /// Which ranks share a host, if that is known.
    pub(crate) topology: Option<Topology>,
}

impl Shape {
    /// Checks a call for one rank.
    ///
    /// # Errors
    ///
    /// What makes no sense about it.
    pub(crate) fn new(
        call: Call,
        counts: &Counts,
        (rank, world): (Rank, u32),
        in_place: bool,
    ) -> Result<Self, String> {
        if let Some(root) = call.collective.root().filter(|root| root.0 >= world) {
            return Err(format!("root {} of a world of {world}", root.0));
        }
        let (blocks, arriving) = blocks(&call, counts, world)?;
        let vector = call.count.checked_mul(call.dtype.size() as u64);
        let total = vector.map(|bytes| bytes.max(blocks.total()).max(arriving.total()));
        if total.is_none_or(|bytes| bytes > BYTES_MAX) {
            return Err(format!("{call} among {world} ranks is over 2^40 bytes"));
        }
        if in_place && call.collective == Collective::AllToAll && blocks != arriving {
            return Err("an all-to-all in place must send as much as it receives".to_owned());
        }
        let mut call = call;
        if *counts != Counts::Even {
            call.count = blocks.total() / call.dtype.size() as u64;
        }
        let counts = counts.clone();
        Ok(Self { call, counts, rank, world, in_place, blocks, arriving, topology: None })
    }

    fn is_root(&self) -> bool {
        self.call.collective.root() == Some(self.rank)
    }

    /// Bytes that are read of the input.
    pub(crate) fn input_length(&self) -> u64 {
        match self.call.collective {
            Collective::Barrier => 0,
            Collective::AllReduce(_) | Collective::Reduce(..) => self.call.bytes(),
            Collective::Broadcast(_) if self.is_root() => self.call.bytes(),
            Collective::ReduceScatter(_) | Collective::AllToAll => self.blocks.total(),
            Collective::Scatter(_) if self.is_root() => self.blocks.total(),
            Collective::Broadcast(_) | Collective::Scatter(_) => 0,
            Collective::AllGather | Collective::Gather(_) => self.blocks.length(self.me()),
        }
    }

    /// Bytes that are written of the output.
    pub(crate) fn output_length(&self) -> u64 {
        match self.call.collective {
            Collective::Barrier => 0,
            Collective::AllReduce(_) | Collective::Broadcast(_) => self.call.bytes(),
            Collective::Reduce(..) if self.is_root() => self.call.bytes(),
            Collective::AllGather => self.blocks.total(),
            Collective::Gather(_) if self.is_root() => self.blocks.total(),
            Collective::Reduce(..) | Collective::Gather(_) => 0,
            Collective::ReduceScatter(_) | Collective::Scatter(_) => self.blocks.length(self.me()),
            Collective::AllToAll => self.arriving.total(),
        }
    }

    /// Where a slot of the caller's begins in its memory. In place, the block of a rank lies where it
    /// belongs in the whole, as NCCL has it.
    pub(crate) fn base(&self, slot: Slot) -> u64 {
        let own = || self.blocks.offset(self.me());
        match (self.call.collective, slot) {
            _ if !self.in_place => 0,
            (Collective::AllGather, Slot::Input) | (Collective::ReduceScatter(_), Slot::Output) => {
                own()
            }
            (Collective::Gather(root), Slot::Input) | (Collective::Scatter(root), Slot::Output)
                if root == self.rank =>
            {
                own()
            }
            _ => 0,
        }
    }

    /// Bytes that the planner goes by: of the longest buffer of all ranks, as nccl-tests counts.
    pub(crate) fn volume(&self) -> u64 {
        self.call.bytes().max(self.blocks.total()).max(self.arriving.total())
    }

    /// Our rank, to calculate with.
    pub(crate) fn me(&self) -> u64 {
        self.rank.0.into()
    }

    /// How many ranks, to calculate with.
    pub(crate) fn ranks(&self) -> u64 {
        self.world.into()
    }

    /// The rank so many places after ours, around the ring.
    pub(crate) fn after(&self, distance: u64) -> Rank {
        Rank(((self.me() + distance) % self.ranks()) as u32)
    }

    /// The rank so many places before ours.
    pub(crate) fn before(&self, distance: u64) -> Rank {
        self.after(self.ranks() - distance % self.ranks())
    }

    /// The whole vector in a slot.
    pub(crate) const fn whole(&self, slot: Slot) -> Span {
        Span { slot, offset: 0, length: self.call.bytes() }
    }
}

/// The blocks of a call, and those that an all-to-all brings.
fn blocks(call: &Call, counts: &Counts, world: u32) -> Result<(Blocks, Blocks), String> {
    let size = call.dtype.size() as u64;
    let wrong = || format!("{call}: these counts are not for it");
    let list = |counts: &[u64]| {
        if counts.len() != world as usize {
            return Err(format!("{call}: {} counts for {world} ranks", counts.len()));
        }
        Blocks::uneven(counts, size).ok_or_else(|| format!("{call}: the counts add up to too much"))
    };
    let none = Blocks::Even { each: 0, world: world.into() };
    match (call.collective, counts) {
        (
            Collective::AllReduce(_)
            | Collective::Broadcast(_)
            | Collective::Barrier
            | Collective::Reduce(..),
            Counts::Even,
        ) => Ok((none.clone(), none)),
        (_, Counts::Even) => {
            let blocks = Blocks::even(call.count, size, world)
                .ok_or_else(|| format!("{call} among {world} ranks is over 2^40 bytes"))?;
            let arriving =
                if call.collective == Collective::AllToAll { blocks.clone() } else { none };
            Ok((blocks, arriving))
        }
        (
            Collective::AllGather
            | Collective::ReduceScatter(_)
            | Collective::Gather(_)
            | Collective::Scatter(_),
            Counts::Uneven(counts),
        ) => Ok((list(counts)?, none)),
        (Collective::AllToAll, Counts::Pairs { to, from }) => Ok((list(to)?, list(from)?)),
        _ => Err(wrong()),
    }
}
