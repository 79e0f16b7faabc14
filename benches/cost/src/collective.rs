//! All-reduce of two nodes: executors over a [`Star`] of one peer.

use sealane_collectives::{Buffers, Call, Collective, Executor, Lines, Operands, Overrides};
use sealane_kernels::{Dtype, ReduceOp, RegionId};
use sealane_transport::Rank;

use crate::star::{Node, Shape, Star};

/// Two ranks that reduce the same buffers again and again.
pub struct AllReduce {
    /// The wire between them.
    pub star: Star,
    executors: Vec<Executor>,
    regions: Vec<RegionId>,
    count: u64,
}

impl AllReduce {
    /// Ranks with `count` values each.
    #[must_use]
    pub fn new(count: u64, packet: u16) -> Self {
        let mut star = Star::new(Shape { peers: 1, ports: 4, packet });
        let executor = |rank| Executor::new(Rank(rank), 2, 0, Overrides::default());
        let regions =
            star.nodes.iter_mut().map(|node| node.memory.0.adopt(vec![1.0_f32; count as usize]));
        let regions = regions.collect();
        Self { star, executors: vec![executor(0), executor(1)], regions, count }
    }

    /// One all-reduce, to its end on both ranks.
    pub fn run(&mut self) {
        let call = Call {
            collective: Collective::AllReduce(ReduceOp::Max),
            dtype: Dtype::F32,
            count: self.count,
        };
        for rank in 0..2 {
            let operands = Operands { input: self.regions[rank], output: self.regions[rank] };
            self.with(rank, |executor, lines, memory| {
                executor.submit(call, operands, lines, memory).unwrap();
            });
        }
        let mut done = 0;
        while done < 2 {
            done += self.turn();
        }
    }

    fn with<R>(
        &mut self,
        rank: usize,
        act: impl FnOnce(&mut Executor, &mut Lines<'_>, &mut Buffers) -> R,
    ) -> R {
        let Node { endpoint, memory, .. } = &mut self.star.nodes[rank];
        let mut lines = Lines { endpoint, now: self.star.now };
        act(&mut self.executors[rank], &mut lines, memory)
    }

    /// A turn of both ranks; returns how many completed.
    fn turn(&mut self) -> usize {
        self.star.now += std::time::Duration::from_micros(10);
        let mut done = 0;
        for rank in 0..2 {
            self.star.nodes[rank].endpoint.handle_timeout(self.star.now);
            self.star.transmit(rank);
            self.star.deliver(rank);
            for rank in 0..2 {
                while let Some(event) = self.star.nodes[rank].endpoint.poll_event() {
                    self.with(rank, |executor, lines, memory| {
                        executor.on_event(&event, lines, memory);
                    });
                }
                while let Some(completion) = self.executors[rank].poll_completion() {
                    completion.result.unwrap();
                    done += 1;
                }
            }
        }
        done
    }
}
