//! Congestion control: one window per peer (PROTOCOL §7.6).

mod fixed;
mod nscc;
mod reno;
mod signals;

use std::time::Duration;

use crate::config::CongestionPolicy;
use crate::ids::PathId;
use crate::recovery::RecoverySettings;
use crate::time::Time;

pub use fixed::Fixed;
pub use nscc::Nscc;
pub use reno::Reno;

/// What one acknowledged packet says.
#[derive(Clone, Copy, Debug)]
pub struct AckSample {
    /// When it was acknowledged.
    pub now: Time,
    /// The path that it took.
    pub path: PathId,
    /// Its bytes.
    pub bytes: u64,
    /// Bytes in flight before the acknowledgement that named it.
    pub in_flight: u64,
    /// Its round-trip time above the least, if it gave a sample.
    pub queueing: Option<Duration>,
    /// The least round-trip time of the session.
    pub base_rtt: Duration,
    /// It met congestion.
    pub ce: bool,
    /// The largest packet.
    pub mtu: u16,
}

/// An algorithm that sizes the window.
pub trait Congestion {
    /// A packet was acknowledged.
    fn on_ack(&mut self, sample: &AckSample);
    /// A packet of `bytes`, sent at `sent`, was lost.
    fn on_loss(&mut self, now: Time, sent: Time, bytes: u64);
    /// Bytes that may be in flight.
    fn window(&self) -> u64;
}

/// The algorithms, by value: the window is asked for with every packet, and there are few of them.
#[derive(Debug)]
pub(crate) enum Controller {
    Nscc(Box<Nscc>),
    Fixed(Fixed),
    Reno(Reno),
}

impl Controller {
    pub(crate) fn new(settings: &RecoverySettings) -> Self {
        match settings.congestion {
            CongestionPolicy::Nscc => Self::Nscc(Box::new(Nscc::new(settings))),
            CongestionPolicy::Fixed(window) => Self::Fixed(Fixed::new(window)),
            CongestionPolicy::Reno => Self::Reno(Reno::new(settings)),
        }
    }

    fn inner(&mut self) -> &mut dyn Congestion {
        match self {
            Self::Nscc(nscc) => nscc.as_mut(),
            Self::Fixed(fixed) => fixed,
            Self::Reno(reno) => reno,
        }
    }
}

impl Congestion for Controller {
    fn on_ack(&mut self, sample: &AckSample) {
        self.inner().on_ack(sample);
    }

    fn on_loss(&mut self, now: Time, sent: Time, bytes: u64) {
        self.inner().on_loss(now, sent, bytes);
    }

    fn window(&self) -> u64 {
        match self {
            Self::Nscc(nscc) => nscc.window(),
            Self::Fixed(fixed) => fixed.window(),
            Self::Reno(reno) => reno.window(),
        }
    }
}
