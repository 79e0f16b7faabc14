//! One kind of operation on one element type: buffers, runs, checks.

use sealane::{Communicator, Error, Rank, ReduceOp, Tag};

use super::options::Collective;
use super::values::{Op, Pattern, Sample};

/// The root of broadcasts, as nccl-tests' default.
pub(super) const ROOT: Rank = Rank(0);

/// The tag of point-to-point messages.
const TAG: Tag = Tag(1);

/// Separate buffers or one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Out,
    In,
}

/// Buffers for the largest size; smaller ones move through them from iteration to iteration, so that
/// the caches help no more than in a real job.
pub(super) struct Workload<'a, T> {
    communicator: &'a Communicator,
    collective: Collective,
    op: Op,
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

    /// Whether the operation knows one buffer.
    pub(super) fn has_in_place(&self) -> bool {
        self.collective != Collective::SendRecv
    }

    /// Runs it once on `count` elements.
    pub(super) fn run(&mut self, place: Place, count: usize, iteration: u32) -> Result<(), Error> {
        let steps = self.recv.len().checked_div(count).unwrap_or(1).max(1);
        let from = count * (iteration as usize % steps);
        let send = &self.send[from..from + count];
        let recv = &mut self.recv[from..from + count];
        let communicator = self.communicator;
        match (self.collective, place) {
            (Collective::AllReduce, Place::Out) => {
                communicator.all_reduce_into(send, recv, self.op.reduce_op())
            }
            (Collective::AllReduce, Place::In) => {
                communicator.all_reduce(recv, self.op.reduce_op())
            }
            (Collective::Broadcast, place) => {
                if place == Place::Out && communicator.rank() == ROOT {
                    recv.copy_from_slice(send);
                }
                communicator.broadcast(recv, ROOT)
            }
            (Collective::SendRecv, _) => {
                let world = communicator.size();
                let rank = communicator.rank().0;
                let (next, previous) = ((rank + 1) % world, (rank + world - 1) % world);
                communicator.send_recv(send, Rank(next), recv, Rank(previous), TAG).map(|_| ())
            }
            (Collective::Barrier, _) => communicator.barrier(),
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
        let is_source = self.collective == Collective::AllReduce || rank == ROOT.0;
        if place == Place::In && is_source {
            self.recv[..count].copy_from_slice(&self.send[..count]);
        }
        self.run(place, count, 0)?;
        let result = &self.recv[..count];
        let wrong = match self.collective {
            Collective::AllReduce => pattern.wrong_reduction(result),
            Collective::Broadcast => pattern.wrong_copy(ROOT.0, result),
            Collective::SendRecv => pattern.wrong_copy((rank + world - 1) % world, result),
            Collective::Barrier => 0,
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
