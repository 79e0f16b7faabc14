//! What a communicator says of itself.

use super::Communicator;
use crate::observe::{FlightRecord, Metrics};

impl Communicator {
    /// Counters since the start: of the endpoint, of every collective, of every peer and path.
    ///
    /// ```
    /// use sealane::{ReduceOp, local};
    ///
    /// local::run(2, |communicator| {
    ///     communicator.all_reduce(&mut [1.0_f32; 1000], ReduceOp::Sum)?;
    ///     let metrics = communicator.metrics();
    ///     assert_eq!(metrics.collectives["allreduce"].bytes, 4000);
    ///     assert_eq!(metrics.peers.len(), 1);
    ///     Ok(())
    /// })?;
    /// # Ok::<(), sealane::Error>(())
    /// ```
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        self.driver.inspect(|engine| engine.metrics())
    }

    /// The last operations and their states, without payload or keys: who waits for whom.
    #[must_use]
    pub fn flight_record(&self) -> FlightRecord {
        self.driver.inspect(|engine| engine.flight_record())
    }
}
