//! One kind of operation on one element type: buffers, runs, checks.

use sealane::{Communicator, Error, Rank, ReduceOp, Tag};

use super::options::Collective;
use super::values::{Op, Pattern, Sample};

/// The root of broadcasts, as nccl-tests' default.
pub(super) const ROOT: Rank = Rank(0);

/// The tag of point-to-point messages.
pub(super) const TAG: Tag = Tag(1);

/// The ranks after and before ours, around the ring.
pub(super) fn neighbours(communicator: &Communicator) -> (Rank, Rank) {
    let (world, rank) = (communicator.size(), communicator.rank().0);
    (Rank((rank + 1) % world), Rank((rank + world - 1) % world))
}

/// Separate buffers or one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Out,
    In,
}

/// Buffers for the largest size; smaller ones move through them from iteration to iteration, so that
/// the caches help no more than in a real job.
pub(super) struct Workload<'a, T> {
    pub(super) communicator: &'a Communicator,
    pub(super) collective: Collective,
    pub(super) op: Op,
    send: Vec<T>,
    recv: Vec<T>,
    rounds: u32,
}

impl<'a, T: Sample> Workload<'a, T> {
    pub(super) fn new(
        communicator: &'a Communicator,
        collective: Collective,
        op: Op,
        count_max: usize,
    ) -> Result<Self, Error> {
        let (send, recv) = (buffer(count_max)?, buffer(count_max)?);
        Ok(Self { communicator, collective, op, send, recv, rounds: 0 })
    }

    /// Runs it once on `count` elements: of all blocks together, where there are blocks.
    pub(super) fn run(&mut self, place: Place, count: usize, iteration: u32) -> Result<(), Error> {
        let steps = self.recv.len().checked_div(count).unwrap_or(1).max(1);
        let from = count * (iteration as usize % steps);
        let send = &self.send[from..from + count];
        let recv = &mut self.recv[from..from + count];
        let communicator = self.communicator;
        let op = self.op.reduce_op(communicator.rank());
        let block = count / communicator.size() as usize;
        match (self.collective, place) {
            (Collective::AllReduce, Place::Out) => communicator.all_reduce_into(send, recv, op),
            (Collective::AllReduce, Place::In) => communicator.all_reduce(recv, op),
            (Collective::Broadcast, place) => {
                if place == Place::Out && communicator.rank() == ROOT {
                    recv.copy_from_slice(send);
                }
                communicator.broadcast(recv, ROOT)
            }
            (Collective::Reduce, Place::Out) => communicator.reduce_into(send, recv, op, ROOT),
            (Collective::Reduce, Place::In) => communicator.reduce(recv, op, ROOT),
            (Collective::ReduceScatter, Place::Out) => {
                communicator.reduce_scatter_into(send, &mut recv[..block], op)
            }
            (Collective::ReduceScatter, Place::In) => communicator.reduce_scatter(recv, op),
            (Collective::AllGather, Place::Out) => {
                communicator.all_gather_into(&send[..block], recv)
            }
            (Collective::AllGather, Place::In) => communicator.all_gather(recv),
            (Collective::Gather, Place::Out) => {
                communicator.gather_into(&send[..block], recv, ROOT)
            }
            (Collective::Scatter, Place::Out) => {
                communicator.scatter_into(send, &mut recv[..block], ROOT)
            }
            // In place, all but the root have their block only.
            (Collective::Gather | Collective::Scatter, Place::In) => {
                let all = communicator.rank() == ROOT;
                let data = &mut recv[..if all { count } else { block }];
                match self.collective {
                    Collective::Gather => communicator.gather(data, ROOT),
                    _ => communicator.scatter(data, ROOT),
                }
            }
            (Collective::AllToAll, Place::Out) => communicator.all_to_all_into(send, recv),
            (Collective::AllToAll, Place::In) => communicator.all_to_all(recv),
            (Collective::SendRecv, _) => {
                let (next, previous) = neighbours(communicator);
                communicator.send_recv(send, next, recv, previous, TAG).map(|_| ())
            }
            // One-sided operations have measurements of their own.
            (Collective::Barrier | Collective::Write | Collective::WriteImm, _)
            | (Collective::Read | Collective::FetchAdd, _) => communicator.barrier(),
        }
    }

    /// Runs it once on fresh values and checks every one; returns the wrong ones of all ranks.
    pub(super) fn check(&mut self, place: Place, count: usize) -> Result<u64, Error> {
        self.rounds += 1;
        let world = self.communicator.size();
        let rank = self.communicator.rank().0;
        let pattern = Pattern { op: self.op, world, round: self.rounds };
        pattern.fill(rank, &mut self.send[..count]);
        // What is there before must not look like a result.
        self.recv[..count].fill(T::exactly(77));
        let block = count / world as usize;
        let own = rank as usize * block;
        if place == Place::In {
            match self.collective {
                Collective::Broadcast | Collective::Scatter if rank != ROOT.0 => {}
                // The root's block is the first, as that of the others in memory for one.
                Collective::Gather => self.recv[..block].copy_from_slice(&self.send[..block]),
                Collective::AllGather => {
                    self.recv[own..own + block].copy_from_slice(&self.send[..block]);
                }
                _ => self.recv[..count].copy_from_slice(&self.send[..count]),
            }
        }
        self.run(place, count, 0)?;
        let result = &self.recv[..count];
        let blocks = |first: usize| -> u64 {
            let pairs = (0..world).zip(result.chunks_exact(block.max(1)));
            pairs.map(|(from, block)| pattern.wrong_copy(from, first, block)).sum()
        };
        let wrong = match self.collective {
            Collective::AllReduce => pattern.wrong_reduction(0, result),
            Collective::Reduce if rank == ROOT.0 => pattern.wrong_reduction(0, result),
            Collective::ReduceScatter => {
                let at = if place == Place::In { own } else { 0 };
                pattern.wrong_reduction(own, &result[at..at + block])
            }
            Collective::Broadcast => pattern.wrong_copy(ROOT.0, 0, result),
            Collective::AllGather => blocks(0),
            Collective::Gather if rank == ROOT.0 => blocks(0),
            Collective::Scatter => pattern.wrong_copy(ROOT.0, own, &result[..block]),
            Collective::AllToAll => blocks(own),
            Collective::SendRecv => pattern.wrong_copy((rank + world - 1) % world, 0, result),
            _ => 0,
        };
        let mut sum = [wrong];
        self.communicator.all_reduce(&mut sum, ReduceOp::Sum)?;
        Ok(sum[0])
    }
}

/// Zeros, or an error where an ordinary vector would end the process.
fn buffer<T: Sample>(count: usize) -> Result<Vec<T>, Error> {
    let mut buffer = Vec::new();
    buffer.try_reserve_exact(count).map_err(|error| {
        Error::Argument(format!(
            "no memory for {count} elements ({error}): give a smaller size (-e)"
        ))
    })?;
    buffer.resize(count, T::default());
    Ok(buffer)
}
