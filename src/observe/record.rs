//! The flight record of a communicator.

use std::fmt;

use sealane_collectives::Record;
use sealane_transport::Rank;

/// The last operations of a communicator, the oldest first; [`Display`](fmt::Display) has a line for each.
///
/// ```
/// use sealane::{ReduceOp, local};
///
/// local::run(2, |communicator| {
///     communicator.all_reduce(&mut [1.0_f32], ReduceOp::Sum)?;
///     let record = communicator.flight_record();
///     assert!(record.to_string().contains("allreduce of 1 float by sum"));
///     Ok(())
/// })?;
/// # Ok::<(), sealane::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FlightRecord {
    /// Whose.
    pub rank: Rank,
    /// Of how many ranks.
    pub size: u32,
    /// Why the communicator is of no more use, if so.
    pub ended_by: Option<String>,
    /// The operations.
    pub operations: Vec<Record>,
}

impl fmt::Display for FlightRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rank, size, ended_by, operations } = self;
        writeln!(f, "{rank} of {size}: the last {} operations", operations.len())?;
        operations.iter().try_for_each(|operation| writeln!(f, "{rank}: {operation}"))?;
        ended_by.iter().try_for_each(|cause| writeln!(f, "{rank}: ended: {cause}"))
    }
}
