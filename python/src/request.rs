//! Operations as Python names them.

use std::time::Duration;

use pyo3::prelude::*;
use sealane::{Collective, Counts, Dtype, HostBuffer, Rank, ReduceOp, Request};

use crate::errors;
use crate::operand::{Memory, Operand};

/// Lent memory: an operand, or an address, bytes, and the object that owns them.
#[derive(FromPyObject)]
pub(crate) enum Lent {
    Operand(Py<Operand>),
    Raw(usize, usize, Py<PyAny>),
}

impl Lent {
    /// Memory that results are put into.
    pub(crate) fn output(self) -> HostBuffer {
        let (start, bytes, keep) = self.parts();
        // SAFETY: who lends memory promises, as `_sealane.pyi` says, that the owner keeps it where it
        // is, and that nobody else uses it until the operation has ended.
        unsafe { HostBuffer::from_raw(start, bytes, Box::new(keep)) }
    }

    /// Memory that is only read.
    pub(crate) fn input(self) -> HostBuffer {
        let (start, bytes, keep) = self.parts();
        // SAFETY: as above; nobody writes to it until the operation has ended.
        unsafe { HostBuffer::from_raw_const(start, bytes, Box::new(keep)) }
    }

    fn parts(self) -> (*mut u8, usize, Py<PyAny>) {
        match self {
            Self::Operand(operand) => {
                let Memory { start, bytes, .. } = operand.get().memory();
                (start, bytes, operand.into_any())
            }
            Self::Raw(start, bytes, keep) => {
                (std::ptr::with_exposed_provenance_mut(start), bytes, keep)
            }
        }
    }
}

/// What a collective is called with.
#[derive(Default)]
pub(crate) struct Terms {
    pub(crate) op: Option<String>,
    pub(crate) root: Option<u32>,
    pub(crate) to: Option<Vec<u64>>,
    pub(crate) from: Option<Vec<u64>>,
}

/// The collective of a name.
pub(crate) fn collective(name: &str, terms: &Terms) -> PyResult<Collective> {
    let root = || {
        let root = terms.root.map(Rank);
        root.ok_or_else(|| errors::argument(&format!("{name} needs a root")))
    };
    let op = || -> PyResult<ReduceOp> {
        let op = terms.op.as_deref().unwrap_or("sum");
        op.parse().map_err(|error| errors::argument(&format!("{name}: {error}")))
    };
    Ok(match name {
        "all_reduce" => Collective::AllReduce(op()?),
        "broadcast" => Collective::Broadcast(root()?),
        "reduce" => Collective::Reduce(op()?, root()?),
        "reduce_scatter" => Collective::ReduceScatter(op()?),
        "all_gather" => Collective::AllGather,
        "gather" => Collective::Gather(root()?),
        "scatter" => Collective::Scatter(root()?),
        "all_to_all" => Collective::AllToAll,
        "barrier" => Collective::Barrier,
        other => return Err(errors::argument(&format!("no collective is called {other:?}"))),
    })
}

/// The counts of the forms with blocks of different lengths.
pub(crate) fn counts(terms: Terms) -> Option<Counts> {
    match (terms.to, terms.from) {
        (Some(to), Some(from)) => Some(Counts::Pairs { to: to.into(), from: from.into() }),
        (Some(counts), None) | (None, Some(counts)) => Some(Counts::Uneven(counts.into())),
        (None, None) => None,
    }
}

/// A request, in place where there is no input.
pub(crate) fn request(
    collective: Collective,
    (dtype, count): (&str, usize),
    input: Option<Lent>,
    output: Option<Lent>,
) -> PyResult<Request> {
    let dtype = dtype.parse::<Dtype>().map_err(|error| errors::argument(&error.to_string()))?;
    let output = output.map_or_else(HostBuffer::empty, Lent::output);
    Ok(match input {
        Some(input) => Request::out_of_place(collective, dtype, count, input.input(), output),
        None if matches!(collective, Collective::Barrier) => Request::barrier(),
        None => Request::in_place(collective, dtype, count, output),
    })
}

/// Seconds as a limit.
pub(crate) fn limit(request: Request, timeout: Option<f64>) -> PyResult<Request> {
    let Some(seconds) = timeout else { return Ok(request) };
    match Duration::try_from_secs_f64(seconds) {
        Ok(limit) => Ok(request.timeout(limit)),
        Err(_) => Err(errors::argument(&format!("a timeout of {seconds} s makes no sense"))),
    }
}
