//! The protocol in a scenario: the core itself, and what it is compared with, by configuration.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use sealane_transport::{Config, CongestionPolicy, LossPolicy, SprayPolicy, limits};

use crate::host::NicSettings;

/// Which protocol runs. All are the same core; the baselines differ by configuration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Policy {
    /// Ours: entropies that came back clean are used again (REPS).
    #[default]
    Recycle,
    /// Ours, each packet on a random path.
    Random,
    /// Ours, all packets on one path.
    Single,
    /// RoCE-like: one path, and after a loss everything from there on goes again.
    GoBackN,
    /// TCP-like: one path, losses alone are congestion (Reno), a floor below retransmission timeouts,
    /// messages complete in order.
    TcpLike,
}

impl Policy {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Recycle, Self::Random, Self::Single, Self::GoBackN, Self::TcpLike];

    /// Their names, in the same order.
    pub const NAMES: [&str; 5] = ["recycle", "random", "single", "go-back-n", "tcp-like"];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        Self::NAMES[self as usize]
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Policy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|policy| policy.name() == text);
        found.ok_or_else(|| format!("`{text}` is none of: {}", Self::NAMES.join(", ")))
    }
}

/// See the module's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transport {
    /// Which protocol.
    pub policy: Policy,
    /// Paths of a session at most; baselines on one path have one.
    pub paths: usize,
    /// Congestion control, if not the policy's own.
    pub congestion: Option<CongestionPolicy>,
    /// Packets per acknowledgement.
    pub ack_every: u32,
    /// The longest that an acknowledgement is held back.
    pub ack_delay: Duration,
    /// How late timers may honestly be. Interfaces of a simulation are never late; hosts are.
    pub timer_granularity: Duration,
    /// What round trips are taken for until there is a sample; a handshake would have measured one.
    pub initial_rtt: Duration,
    /// The TCP-like baseline's least retransmission timeout; Linux has 200 ms, tuned hosts 50 ms.
    pub rto_min: Duration,
    /// Silence after which a peer is dead.
    pub peer_timeout: Duration,
    /// Packets after which keys are replaced, if earlier than the AEAD's limit asks.
    pub rekey_packets: Option<u64>,
    /// Bytes that a peer may send before receives are posted.
    pub eager_budget: u64,
}

impl Default for Transport {
    fn default() -> Self {
        Self {
            policy: Policy::Recycle,
            paths: 128,
            congestion: None,
            ack_every: limits::ACK_EVERY,
            ack_delay: Duration::from_micros(3),
            timer_granularity: Duration::from_micros(2),
            initial_rtt: Duration::from_micros(20),
            rto_min: Duration::from_millis(50),
            peer_timeout: Duration::from_millis(1500),
            rekey_packets: None,
            eager_budget: limits::EAGER_BUDGET,
        }
    }
}

/// What the TCP-like baseline waits for a peer at least: many of its timeouts.
const TCP_PEER_TIMEOUT: Duration = Duration::from_secs(20);

impl Transport {
    /// The default, with another policy.
    #[must_use]
    pub fn with(policy: Policy) -> Self {
        Self { policy, ..Self::default() }
    }

    /// The core's configuration.
    #[must_use]
    pub fn config(&self) -> Config {
        let spray = match self.policy {
            Policy::Recycle => SprayPolicy::Recycle,
            Policy::Random => SprayPolicy::Random,
            Policy::Single | Policy::GoBackN | Policy::TcpLike => SprayPolicy::Single,
        };
        let tcp = self.policy == Policy::TcpLike;
        let usual = if tcp { CongestionPolicy::Reno } else { CongestionPolicy::Nscc };
        let go_back = self.policy == Policy::GoBackN;
        Config {
            spray,
            paths_max: if spray == SprayPolicy::Single { 1 } else { self.paths },
            congestion: self.congestion.unwrap_or(usual),
            loss: if go_back { LossPolicy::GoBackN } else { LossPolicy::Selective },
            ack_every: self.ack_every,
            ack_delay_max: self.ack_delay,
            timer_granularity: self.timer_granularity,
            initial_rtt: self.initial_rtt,
            pto_min: if tcp { self.rto_min } else { Duration::ZERO },
            peer_timeout: if tcp {
                self.peer_timeout.max(TCP_PEER_TIMEOUT)
            } else {
                self.peer_timeout
            },
            rekey_packets: self.rekey_packets,
            eager_budget: self.eager_budget,
            ..Config::default()
        }
    }

    /// The interface as the policy has it: the TCP-like baseline knows no marks.
    #[must_use]
    pub fn nic(&self, nic: &NicSettings) -> NicSettings {
        NicSettings { ecn: nic.ecn && self.policy != Policy::TcpLike, ..*nic }
    }

    pub(super) fn check(&self) -> Result<(), String> {
        if !(1..=limits::PATHS_MAX).contains(&self.paths) {
            return Err(format!("paths are 1 to {}, not {}", limits::PATHS_MAX, self.paths));
        }
        if self.ack_every == 0 {
            return Err("an acknowledgement is for 1 packet at least".to_owned());
        }
        if self.rekey_packets.is_some_and(|packets| packets < 2) {
            return Err("a key seals 2 packets at least".to_owned());
        }
        Ok(())
    }
}
