//! A window that never changes: for tests and calibration.

use crate::time::Time;

use super::{AckSample, Congestion};

/// See the module's text.
#[derive(Clone, Copy, Debug)]
pub struct Fixed(u64);

impl Fixed {
    /// A window of so many bytes.
    #[must_use]
    pub const fn new(window: u64) -> Self {
        Self(window)
    }
}

impl Congestion for Fixed {
    fn on_ack(&mut self, _sample: &AckSample) {}

    fn on_loss(&mut self, _now: Time, _sent: Time, _bytes: u64) {}

    fn window(&self) -> u64 {
        self.0
    }
}
