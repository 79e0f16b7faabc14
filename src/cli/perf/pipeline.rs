//! Many operations under way at once, alone or in groups that are launched together.

use std::collections::VecDeque;

use sealane::{Collective as Call, Done, Error, HostBuffer, Request, Work};

use super::options::Collective;
use super::values::Sample;
use super::workload::{Place, ROOT, TAG, Workload, neighbours};

/// How operations are put one after another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Flow {
    /// Batches under way at once.
    pub depth: usize,
    /// Operations of a batch, launched together.
    pub group: usize,
}

/// Memory of an operation: what it reads, unless that is what it writes, and what it writes.
type Buffers<T> = (Option<Vec<T>>, Vec<T>);

/// An operation under way: one, or what is sent and what comes.
type Operation = Vec<Work<Done>>;

impl<T: Sample> Workload<'_, T> {
    /// Runs `batches` of operations on `count` elements each.
    pub(super) fn stream(
        &self,
        place: Place,
        count: usize,
        flow: Flow,
        batches: usize,
    ) -> Result<(), Error> {
        let buffer = || vec![T::default(); count];
        let two = place == Place::Out || self.collective == Collective::SendRecv;
        let mut idle: Vec<Buffers<T>> =
            (0..flow.depth * flow.group).map(|_| (two.then(buffer), buffer())).collect();
        let mut under_way: VecDeque<Vec<Operation>> = VecDeque::new();
        for _ in 0..batches {
            if under_way.len() == flow.depth {
                idle.extend(ended(under_way.pop_front().unwrap_or_default())?);
            }
            let memory = idle.split_off(idle.len() - flow.group);
            under_way.push_back(self.batch(count, memory)?);
        }
        under_way.into_iter().try_for_each(|batch| ended::<T>(batch).map(drop))
    }

    fn batch(&self, count: usize, memory: Vec<Buffers<T>>) -> Result<Vec<Operation>, Error> {
        let requests = memory.into_iter().map(|memory| self.requests(count, memory));
        let requests: Vec<Vec<Request>> = requests.collect();
        let mut group = self.communicator.group();
        let mut works = Vec::with_capacity(requests.len());
        for operation in requests {
            let parts = operation.into_iter().map(|request| group.submit(request));
            works.push(parts.collect::<Result<_, _>>()?);
        }
        group.launch()?;
        Ok(works)
    }

    /// One request, or for an exchange of messages two.
    fn requests(&self, count: usize, memory: Buffers<T>) -> Vec<Request> {
        let communicator = self.communicator;
        match (self.collective, memory) {
            (Collective::SendRecv, (Some(input), output)) => {
                let (next, previous) = neighbours(communicator);
                vec![Request::send(input, next, TAG), Request::recv(output, previous, TAG)]
            }
            (_, memory) => vec![self.request(count, memory)],
        }
    }

    fn request(&self, count: usize, (input, output): Buffers<T>) -> Request {
        let op = self.op.reduce_op(self.communicator.rank());
        let (collective, blocks) = match self.collective {
            Collective::AllReduce => (Call::AllReduce(op), false),
            Collective::Broadcast => (Call::Broadcast(ROOT), false),
            Collective::Reduce => (Call::Reduce(op, ROOT), false),
            Collective::ReduceScatter => (Call::ReduceScatter(op), true),
            Collective::AllGather => (Call::AllGather, true),
            Collective::Gather => (Call::Gather(ROOT), true),
            Collective::Scatter => (Call::Scatter(ROOT), true),
            Collective::AllToAll => (Call::AllToAll, true),
            // Messages have requests of their own; one-sided operations are not asked for so, see the options.
            _ => return Request::barrier(),
        };
        let count = if blocks { count / self.communicator.size() as usize } else { count };
        let output = HostBuffer::from(output);
        match input {
            Some(input) => Request::out_of_place(collective, T::DTYPE, count, input, output),
            None => Request::in_place(collective, T::DTYPE, count, output),
        }
    }
}

/// Waits for a batch, and takes its memory back.
fn ended<T: Sample>(batch: Vec<Operation>) -> Result<Vec<Buffers<T>>, Error> {
    let vector = |buffer: HostBuffer| buffer.into_vec::<T>().unwrap_or_default();
    let one = |operation: Operation| {
        let (mut input, mut output) = (None, None);
        for work in operation {
            let done = work.wait()?;
            input = done.input.or(output.take());
            output = Some(done.output);
        }
        Ok((input.map(vector), output.map(vector).unwrap_or_default()))
    };
    batch.into_iter().map(one).collect()
}
