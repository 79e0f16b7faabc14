//! Many operations under way at once, alone or in groups that are launched together.

use std::collections::VecDeque;

use sealane::{Collective as Call, Done, Error, HostBuffer, Request, Work};

use super::options::Collective;
use super::values::Sample;
use super::workload::{Place, ROOT, Workload};

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
        let mut idle: Vec<Buffers<T>> = (0..flow.depth * flow.group)
            .map(|_| ((place == Place::Out).then(buffer), buffer()))
            .collect();
        let mut under_way: VecDeque<Vec<Work<Done>>> = VecDeque::new();
        for _ in 0..batches {
            if under_way.len() == flow.depth {
                idle.extend(ended(under_way.pop_front().unwrap_or_default())?);
            }
            let memory = idle.split_off(idle.len() - flow.group);
            under_way.push_back(self.batch(count, memory)?);
        }
        under_way.into_iter().try_for_each(|batch| ended::<T>(batch).map(drop))
    }

    fn batch(&self, count: usize, memory: Vec<Buffers<T>>) -> Result<Vec<Work<Done>>, Error> {
        let requests = memory.into_iter().map(|memory| self.request(count, memory));
        if requests.len() == 1 {
            return requests.map(|request| self.communicator.submit(request)).collect();
        }
        let mut group = self.communicator.group();
        let works = requests.map(|request| group.submit(request)).collect::<Result<_, _>>()?;
        group.launch()?;
        Ok(works)
    }

    fn request(&self, count: usize, (input, output): Buffers<T>) -> Request {
        let op = self.op.reduce_op();
        let (collective, blocks) = match self.collective {
            Collective::AllReduce => (Call::AllReduce(op), false),
            Collective::Broadcast => (Call::Broadcast(ROOT), false),
            Collective::Reduce => (Call::Reduce(op, ROOT), false),
            Collective::ReduceScatter => (Call::ReduceScatter(op), true),
            Collective::AllGather => (Call::AllGather, true),
            Collective::Gather => (Call::Gather(ROOT), true),
            Collective::Scatter => (Call::Scatter(ROOT), true),
            Collective::AllToAll => (Call::AllToAll, true),
            // Neither messages nor one-sided operations are asked for so; see the options.
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
fn ended<T: Sample>(batch: Vec<Work<Done>>) -> Result<Vec<Buffers<T>>, Error> {
    let vector = |buffer: HostBuffer| buffer.into_vec::<T>().unwrap_or_default();
    let one = |work: Work<Done>| {
        let Done { input, output, .. } = work.wait()?;
        Ok((input.map(vector), vector(output)))
    };
    batch.into_iter().map(one).collect()
}
