//! What an operation is asked to do, with element types that are known at run time only.

use std::time::Duration;

use sealane_collectives::{Call, Collective, Counts};
use sealane_kernels::{Dtype, HostBuffer};
use sealane_transport::{Rank, Tag};

use crate::runtime::engine::errors::public_name;

/// An operation to [`submit`](crate::Communicator::submit), with the memory that it uses.
///
/// In place, where there are blocks, the block of a rank lies where it belongs in the whole, as NCCL has
/// it. A rank that has no use for an operand gives [`HostBuffer::empty`].
#[derive(Debug)]
#[must_use = "it does nothing until it is submitted"]
pub struct Request {
    pub(crate) what: What,
    pub(crate) timeout: Option<Duration>,
}

#[derive(Debug)]
pub(crate) enum What {
    Collective { call: Call, counts: Counts, input: Option<HostBuffer>, output: HostBuffer },
    Send { data: HostBuffer, to: Rank, tag: Tag },
    Recv { data: HostBuffer, from: Option<Rank>, tag: Tag },
}

impl Request {
    /// A collective whose result takes the place of its input. `count` is in elements: of the whole
    /// vector in all-reduce, reduce and broadcast, of one rank's block in all others.
    pub fn in_place(
        collective: Collective,
        dtype: Dtype,
        count: usize,
        data: impl Into<HostBuffer>,
    ) -> Self {
        Self::collective(collective, dtype, count, None, data.into())
    }

    /// A collective from one buffer to another. `count` as in [`in_place`](Self::in_place).
    pub fn out_of_place(
        collective: Collective,
        dtype: Dtype,
        count: usize,
        input: impl Into<HostBuffer>,
        output: impl Into<HostBuffer>,
    ) -> Self {
        Self::collective(collective, dtype, count, Some(input.into()), output.into())
    }

    /// A barrier.
    pub fn barrier() -> Self {
        Self::in_place(Collective::Barrier, Dtype::U8, 0, HostBuffer::empty())
    }

    /// A message to a rank.
    pub fn send(data: impl Into<HostBuffer>, to: Rank, tag: Tag) -> Self {
        Self { what: What::Send { data: data.into(), to, tag }, timeout: None }
    }

    /// A message from a rank, or with `None` from any, at most as long as the buffer.
    pub fn recv(data: impl Into<HostBuffer>, from: impl Into<Option<Rank>>, tag: Tag) -> Self {
        Self { what: What::Recv { data: data.into(), from: from.into(), tag }, timeout: None }
    }

    /// Blocks of different lengths, instead of the count; of a message it changes nothing.
    pub fn counts(mut self, list: Counts) -> Self {
        if let What::Collective { counts, .. } = &mut self.what {
            *counts = list;
        }
        self
    }

    /// How long it may take from when it is submitted, instead of the communicator's operation timeout.
    pub const fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = Some(limit);
        self
    }

    fn collective(
        collective: Collective,
        dtype: Dtype,
        count: usize,
        input: Option<HostBuffer>,
        output: HostBuffer,
    ) -> Self {
        let call = Call { collective, dtype, count: count as u64 };
        let what = What::Collective { call, counts: Counts::Even, input, output };
        Self { what, timeout: None }
    }

    /// The method that it stands for.
    pub(crate) const fn name(&self) -> &'static str {
        match &self.what {
            What::Collective { call, .. } => public_name(call.collective),
            What::Send { .. } => "send",
            What::Recv { .. } => "recv",
        }
    }
}
