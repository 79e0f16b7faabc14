//! What an endpoint may be told.

use std::time::Duration;

use crate::epoch::Epoch;
use crate::limits;
use crate::seal::Suite;

/// How paths are chosen for trains.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SprayPolicy {
    /// Recycle entropies whose packets came back clean (REPS, EuroSys '26); power of two choices on
    /// RTT where ECN is unavailable.
    #[default]
    Recycle,
    /// Uniformly random: the baseline.
    Random,
    /// One path for everything: the other baseline.
    Single,
}

/// Which congestion control a session runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum CongestionPolicy {
    /// Window by delay and ECN quadrants, median over paths (NSCC-like).
    #[default]
    Nscc,
    /// A constant window of so many bytes: for tests and calibration.
    Fixed(u64),
    /// Slow start, additive increase, multiplicative decrease on loss alone (RFC 5681): the baseline.
    Reno,
}

/// What is sent again when a packet is lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum LossPolicy {
    /// What was lost.
    #[default]
    Selective,
    /// That and all that was sent after it, as RoCE does: the receiver keeps nothing that comes out of
    /// order. A baseline for comparisons; both sides must be told so.
    GoBackN,
}

/// Settings of an [`Endpoint`](crate::Endpoint). All have working defaults.
#[derive(Clone, Debug)]
pub struct Config {
    /// AEAD suites in order of preference.
    pub suites: Vec<Suite>,
    /// How trains choose paths.
    pub spray: SprayPolicy,
    /// Congestion control.
    pub congestion: CongestionPolicy,
    /// What is sent again when a packet is lost.
    pub loss: LossPolicy,
    /// At most so many paths per peer (≤ 256).
    pub paths_max: usize,
    /// Bytes a peer may send before receives are posted.
    pub eager_budget: u64,
    /// How long a handshake may take.
    pub handshake_timeout: Duration,
    /// Silence after which a peer that owes an answer is dead.
    pub peer_timeout: Duration,
    /// Silence after which a peer that owes an answer is asked for a sign of life.
    pub probe_interval: Duration,
    /// Silence after which a session with nothing to do is closed.
    pub idle_timeout: Duration,
    /// The longest an acknowledgement is held back.
    pub ack_delay_max: Duration,
    /// Ack-eliciting packets after which an acknowledgement is due at once; 0 counts as 1.
    pub ack_every: u32,
    /// What the round trip is taken for at most until there is a sample (kInitialRtt of RFC 9002 §6.2.2);
    /// less if the handshake took less: of a first burst that was lost as a whole, only a timeout tells.
    pub initial_rtt: Duration,
    /// No probe timeout is shorter: zero, but for comparisons with protocols that have such a floor.
    pub pto_min: Duration,
    /// Granularity of loss timers: how late the driver may honestly be.
    pub timer_granularity: Duration,
    /// Packets after which a sending key is replaced, if earlier than the AEAD limit asks.
    pub rekey_packets: Option<u64>,
    /// Largest datagram to probe for, if less than the device's MTU.
    pub mtu_max: Option<u16>,
    /// Sessions are open only to those who have this epoch's secret, too.
    pub membership: Option<Epoch>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            suites: Suite::available().to_vec(),
            spray: SprayPolicy::default(),
            congestion: CongestionPolicy::default(),
            loss: LossPolicy::default(),
            paths_max: limits::PATHS_MAX,
            eager_budget: limits::EAGER_BUDGET,
            handshake_timeout: Duration::from_secs(10),
            peer_timeout: Duration::from_millis(1500),
            probe_interval: Duration::from_millis(200),
            idle_timeout: Duration::from_secs(600),
            ack_delay_max: Duration::from_micros(100),
            ack_every: limits::ACK_EVERY,
            initial_rtt: crate::path::rtt::INITIAL,
            pto_min: Duration::ZERO,
            timer_granularity: Duration::from_micros(500),
            rekey_packets: None,
            mtu_max: None,
            membership: None,
        }
    }
}
