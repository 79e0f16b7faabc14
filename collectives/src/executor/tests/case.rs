//! Calls of every kind, and what each rank must hold afterwards, from a reference that knows nothing of
//! schedules.

use proptest::prelude::*;
use sealane_kernels::{Dtype, ReduceOp, reduce};
use sealane_transport::Rank;

use super::net::{Memory, World};
use crate::blocks::Counts;
use crate::call::{Call, Collective};
use crate::plan::Algorithm;

/// A collective of a world, with all that may differ.
#[derive(Clone, Debug)]
pub struct Case {
    pub collective: Collective,
    pub dtype: Dtype,
    pub count: u64,
    pub uneven: bool,
    pub algorithm: Algorithm,
    pub in_place: bool,
    pub world: u32,
    pub seed: u64,
}

/// Small integers, so that the order of reduction does not matter to floats.
fn element(dtype: Dtype, value: u64) -> Vec<u8> {
    match dtype {
        Dtype::F32 => (value as f32).to_ne_bytes().to_vec(),
        Dtype::F64 => (value as f64).to_ne_bytes().to_vec(),
        Dtype::F16 => half::f16::from_f32(value as f32).to_ne_bytes().to_vec(),
        Dtype::Bf16 => half::bf16::from_f32(value as f32).to_ne_bytes().to_vec(),
        Dtype::Bool => vec![(value % 2) as u8],
        // Factors (1 and 2) are real: of others, the sign of a zero would depend on the order.
        Dtype::Complex64 | Dtype::Complex128 => {
            let part = if dtype == Dtype::Complex64 { Dtype::F32 } else { Dtype::F64 };
            [element(part, value), element(part, value.saturating_sub(2))].concat()
        }
        other => value.to_le_bytes()[..other.size()].to_vec(),
    }
}

fn mix(value: u64) -> u64 {
    let value = (value ^ value >> 31).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (value ^ value >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 20
}

impl Case {
    fn is_root(&self, rank: u32) -> bool {
        self.collective.root() == Some(Rank(rank))
    }

    /// Elements that go from one rank to another, or that are a rank's block (`from` is then 0).
    fn block(&self, from: u32, to: u32) -> u64 {
        if !self.uneven {
            return self.count;
        }
        // In place, an all-to-all must be symmetric.
        let (a, b) = if self.in_place { (from.min(to), from.max(to)) } else { (from, to) };
        let random = mix(self.seed ^ u64::from(a) << 32 ^ u64::from(b) << 8);
        if random.is_multiple_of(5) { 0 } else { random % (2 * self.count + 1) }
    }

    fn blocks(&self, from: u32) -> Vec<u64> {
        (0..self.world).map(|to| self.block(from, to)).collect()
    }

    /// Elements of the input and of the output of a rank.
    fn lengths(&self, rank: u32) -> (u64, u64) {
        let total: u64 = self.blocks(0).iter().sum();
        let root = |length| if self.is_root(rank) { length } else { 0 };
        match self.collective {
            Collective::AllReduce(_) => (self.count, self.count),
            Collective::Broadcast(_) => (root(self.count), self.count),
            Collective::Barrier => (0, 0),
            Collective::Reduce(..) => (self.count, root(self.count)),
            Collective::ReduceScatter(_) => (total, self.block(0, rank)),
            Collective::AllGather => (self.block(0, rank), total),
            Collective::Gather(_) => (self.block(0, rank), root(total)),
            Collective::Scatter(_) => (root(total), self.block(0, rank)),
            Collective::AllToAll => (
                self.blocks(rank).iter().sum(),
                (0..self.world).map(|from| self.block(from, rank)).sum(),
            ),
        }
    }

    /// Where the block of a rank begins, in bytes.
    fn offset(&self, rank: u32) -> usize {
        let before: u64 = (0..rank).map(|rank| self.block(0, rank)).sum();
        before as usize * self.dtype.size()
    }

    fn input(&self, rank: u32) -> Vec<u8> {
        let value = |index: u64| match self.collective.op() {
            Some(ReduceOp::Product) => 1 + u64::from((index + u64::from(rank)).is_multiple_of(4)),
            _ => (index * 7 + u64::from(rank) * 13) % 5 + 1,
        };
        let values = (0..self.lengths(rank).0).map(value);
        values.flat_map(|value| element(self.dtype, value)).collect()
    }

    fn reduced(&self, op: ReduceOp) -> Vec<u8> {
        let input = |rank| {
            let mut input = self.input(rank);
            if let ReduceOp::PreMulSum(factor) = op {
                reduce::scale(self.dtype, &mut input, factor).unwrap();
            }
            input
        };
        let mut sum = input(0);
        for rank in 1..self.world {
            let (a, b) = (sum.clone(), input(rank));
            reduce::combine_scalar(self.dtype, op, &mut sum, &a, &b).unwrap();
        }
        if op == ReduceOp::Average {
            reduce::finish_average(self.dtype, &mut sum, self.world).unwrap();
        }
        sum
    }

    /// What a rank must hold.
    fn expected(&self, rank: u32) -> Vec<u8> {
        let size = self.dtype.size();
        let inputs = || (0..self.world).flat_map(|rank| self.input(rank)).collect();
        let bytes = self.lengths(rank).1 as usize * size;
        let own = |whole: Vec<u8>| whole[self.offset(rank)..][..bytes].to_vec();
        match self.collective {
            Collective::Barrier => Vec::new(),
            Collective::AllReduce(op) => self.reduced(op),
            Collective::Broadcast(root) => self.input(root.0),
            Collective::Reduce(op, _) if self.is_root(rank) => self.reduced(op),
            Collective::ReduceScatter(op) => own(self.reduced(op)),
            Collective::AllGather => inputs(),
            Collective::Gather(_) if self.is_root(rank) => inputs(),
            Collective::Reduce(..) | Collective::Gather(_) => Vec::new(),
            Collective::Scatter(root) => own(self.input(root.0)),
            Collective::AllToAll => (0..self.world)
                .flat_map(|from| {
                    let before: u64 = (0..rank).map(|to| self.block(from, to)).sum();
                    let length = self.block(from, rank) as usize * size;
                    self.input(from)[before as usize * size..][..length].to_vec()
                })
                .collect(),
        }
    }

    pub fn call(&self) -> Call {
        Call { collective: self.collective, dtype: self.dtype, count: self.count }
    }

    pub fn counts(&self, rank: u32) -> Counts {
        match self.collective {
            _ if !self.uneven => Counts::Even,
            Collective::AllToAll => Counts::Pairs {
                to: self.blocks(rank).into(),
                from: (0..self.world).map(|from| self.block(from, rank)).collect(),
            },
            _ => Counts::Uneven(self.blocks(0).into()),
        }
    }

    pub fn rules(&self) -> String {
        format!("{}:-:{}", self.collective.name(), self.algorithm)
    }

    /// The memory of a rank: in place, the shorter operand lies in the longer one.
    pub fn memory(&self, rank: u32) -> Memory {
        let (input, size) = (self.input(rank), self.dtype.size());
        let output = self.lengths(rank).1 as usize * size;
        let own = self.offset(rank);
        let (input_at, output_at) = match self.collective {
            Collective::AllGather => (own, 0),
            Collective::ReduceScatter(_) => (0, own),
            Collective::Gather(_) if self.is_root(rank) => (own, 0),
            Collective::Scatter(_) if self.is_root(rank) => (0, own),
            _ => (0, 0),
        };
        if self.in_place {
            Memory { input, output, in_place: Some((input_at, output_at)) }
        } else {
            Memory { input, output, in_place: None }
        }
    }

    pub fn submit(&self, net: &mut World) {
        for rank in 0..self.world {
            let counts = self.counts(rank);
            net.submit_counts(rank as usize, self.call(), &counts, &self.memory(rank));
        }
    }

    /// Checks the operation that was submitted as the how manieth.
    pub fn check(&self, net: &World, index: usize) {
        for rank in 0..self.world {
            let node = &net.nodes[rank as usize];
            assert_eq!(node.results.get(index), Some(&Ok(())), "rank {rank} of {self:?}");
            let memory = self.memory(rank);
            let (input, output) = node.regions[index];
            let whole = |region| node.buffers.0.bytes(region, 0, memory.length(region == output));
            let out_at = memory.in_place.map_or(0, |(_, at)| at);
            let mut held = memory.start(true);
            held[out_at..out_at + memory.output].copy_from_slice(&self.expected(rank));
            // Not a byte beyond the result has changed.
            assert!(whole(output).unwrap() == held, "rank {rank} of {self:?}");
            if input != output {
                assert!(whole(input).unwrap() == memory.input, "input of {rank} of {self:?}");
            }
        }
    }

    /// The same in another world.
    pub fn move_to(&mut self, world: u32) {
        let root = |root: Rank| Rank(root.0 % world);
        self.world = world;
        self.collective = match self.collective {
            Collective::Broadcast(rank) => Collective::Broadcast(root(rank)),
            Collective::Reduce(op, rank) => Collective::Reduce(op, root(rank)),
            Collective::Gather(rank) => Collective::Gather(root(rank)),
            Collective::Scatter(rank) => Collective::Scatter(root(rank)),
            other => other,
        };
    }

    /// Its ranks, on hosts as the seed has it: some with many ranks in no order, some with one.
    fn world(&self) -> World {
        let most = 1 + self.seed as u32 % 5;
        let host = |rank| mix(self.seed ^ u64::from(rank) << 40) as u32 % most;
        World::on_hosts(self.world, &self.rules(), self.seed, host)
    }

    /// Runs it alone.
    pub fn run(&self) {
        let mut net = self.world();
        self.submit(&mut net);
        while net.step() {}
        self.check(&net, 0);
        for node in &net.nodes {
            assert!(node.executor.is_idle(), "{self:?}");
            assert_eq!(node.buffers.0.regions(), if self.in_place { 1 } else { 2 }, "{self:?}");
        }
    }
}

/// Collectives of every kind in worlds of up to `most` ranks.
pub fn cases(most: u32) -> impl Strategy<Value = Case> {
    let count = prop_oneof![2 => Just(0), 2 => Just(1), 4 => 2..40_u64, 3 => 40..3000_u64];
    // The types that are reduced so; whatever only moves has any type.
    let pairs = ReduceOp::ALL.into_iter().flat_map(|op| Dtype::ALL.map(|dtype| (op, dtype)));
    let pairs: Vec<_> = pairs.filter(|(op, dtype)| op.check(*dtype).is_ok()).collect();
    let reduction = prop::sample::select(pairs);
    let moved = prop::sample::select(Dtype::ALL.to_vec());
    let flags = (any::<bool>(), any::<bool>(), any::<prop::sample::Index>());
    (0..9_usize, reduction, 0..most, moved, count, 1..=most, flags, any::<u64>()).prop_map(
        |(kind, reduction, root, moved, count, world, (uneven, in_place, algorithm), seed)| {
            let (op, reduced) = reduction;
            let collective = collective(kind, op, Rank(root % world));
            let dtype = if collective.op().is_some() { reduced } else { moved };
            let blocks = kind >= 4;
            let count = match kind {
                0 => 0,
                _ if blocks => count / 8,
                _ => count,
            };
            let algorithms = Algorithm::of(collective);
            let algorithm = algorithms[algorithm.index(algorithms.len())];
            let uneven = uneven && blocks;
            Case { collective, dtype, count, uneven, algorithm, in_place, world, seed }
        },
    )
}

/// The kinds, those with blocks last.
pub fn collective(kind: usize, op: ReduceOp, root: Rank) -> Collective {
    match kind {
        0 => Collective::Barrier,
        1 => Collective::AllReduce(op),
        2 => Collective::Broadcast(root),
        3 => Collective::Reduce(op, root),
        4 => Collective::ReduceScatter(op),
        5 => Collective::AllGather,
        6 => Collective::Gather(root),
        7 => Collective::Scatter(root),
        _ => Collective::AllToAll,
    }
}
