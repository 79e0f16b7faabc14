//! Why a handshake failed, on both sides: from verdicts, TLS alerts and close codes (PROTOCOL §2.5).

use quinn_proto::{ConnectionError, TransportErrorCode, VarInt};
use rustls::AlertDescription;

use super::verifier::Verdict;
use crate::error::HandshakeError;

/// Bytes of the longest text that is taken over from a peer.
const TEXT_MAX: usize = 200;

/// Close codes of the control plane itself. The application's are below `0xff00` (PROTOCOL §8.5).
pub(super) mod code {
    /// Our own attempt to you is under way; wait for it (simultaneous open).
    pub(in super::super) const SIMULTANEOUS: u16 = 0xff00;
    /// Another connection, or another address, took this one's place.
    pub(in super::super) const ABANDONED: u16 = 0xff01;
    /// Your certificate does not name the rank that you claim.
    pub(in super::super) const NAME: u16 = 0xff02;
    /// Nothing in common.
    pub(in super::super) const INCOMPATIBLE: u16 = 0xff03;
    /// Your PARAMETERS make no sense.
    pub(in super::super) const PARAMETERS: u16 = 0xff04;
    /// The handshake took too long.
    pub(in super::super) const TIMEOUT: u16 = 0xff05;
    /// The control stream is malformed.
    pub(in super::super) const STREAM: u16 = 0xff06;
    /// No more peers can be taken.
    pub(in super::super) const FULL: u16 = 0xff07;
    /// You are not a member of my epoch.
    pub(in super::super) const EPOCH: u16 = 0xff08;
}

/// What the end of an unfinished handshake means for an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// Worth another try before the deadline, after which this is the error.
    Retry(HandshakeError),
    /// Final.
    Final(HandshakeError),
}

/// The code that tells a peer about `error`.
pub(super) const fn code_of(error: &HandshakeError) -> u16 {
    match error {
        HandshakeError::WrongName { .. } => code::NAME,
        HandshakeError::Incompatible(_) => code::INCOMPATIBLE,
        HandshakeError::Timeout(_) => code::TIMEOUT,
        HandshakeError::OtherEpoch => code::EPOCH,
        _ => code::PARAMETERS,
    }
}

/// Why a connection ended before it was established.
pub(super) fn ending(reason: &ConnectionError, verdict: Verdict) -> Ending {
    match reason {
        ConnectionError::TransportError(error) => {
            Ending::Final(verdict.error.unwrap_or_else(|| match alert(error.code) {
                Some(AlertDescription::CertificateRequired) => {
                    HandshakeError::Transport("the peer presented no certificate".to_owned())
                }
                Some(alert) => own_alert(alert, &error.reason),
                None => HandshakeError::Transport(error.to_string()),
            }))
        }
        ConnectionError::ConnectionClosed(close) => match alert(close.error_code) {
            Some(alert) => Ending::Final(peer_alert(alert, &close.reason)),
            None if retryable(close.error_code) => {
                Ending::Retry(HandshakeError::Transport(close.error_code.to_string()))
            }
            None => Ending::Final(HandshakeError::Transport(format!(
                "{}: {}",
                close.error_code,
                clean(&close.reason)
            ))),
        },
        ConnectionError::ApplicationClosed(close) => {
            let text = clean(&close.reason);
            match close_code(close.error_code) {
                code::SIMULTANEOUS | code::ABANDONED | code::TIMEOUT => {
                    Ending::Retry(HandshakeError::Transport(text))
                }
                code::EPOCH => Ending::Final(HandshakeError::OtherEpoch),
                _ => Ending::Final(HandshakeError::RefusedByPeer(text)),
            }
        }
        ConnectionError::VersionMismatch => {
            Ending::Final(HandshakeError::Incompatible("QUIC version"))
        }
        ConnectionError::Reset | ConnectionError::TimedOut | ConnectionError::CidsExhausted => {
            Ending::Retry(HandshakeError::Transport(reason.to_string()))
        }
        ConnectionError::LocallyClosed => {
            Ending::Final(HandshakeError::Transport(reason.to_string()))
        }
    }
}

/// An overloaded peer, an expired Retry token, or an attempt given up before its handshake was done,
/// when the close code cannot be told yet (RFC 9000 §10.2.3): transient by nature.
fn retryable(code: TransportErrorCode) -> bool {
    [
        TransportErrorCode::CONNECTION_REFUSED,
        TransportErrorCode::INVALID_TOKEN,
        TransportErrorCode::APPLICATION_ERROR,
    ]
    .contains(&code)
}

/// The TLS alert in a QUIC error code (RFC 9001 §4.8).
fn alert(code: TransportErrorCode) -> Option<AlertDescription> {
    let code = u64::from(code);
    if !(0x100..0x200).contains(&code) {
        return None;
    }
    u8::try_from(code & 0xff).ok().map(AlertDescription::from)
}

/// An alert that we raised ourselves.
fn own_alert(alert: AlertDescription, reason: &str) -> HandshakeError {
    incompatible(alert).unwrap_or_else(|| HandshakeError::Transport(reason.to_owned()))
}

/// An alert that the peer raised.
fn peer_alert(alert: AlertDescription, reason: &[u8]) -> HandshakeError {
    incompatible(alert).unwrap_or_else(|| {
        HandshakeError::RefusedByPeer(format!("{}: {}", alert_name(alert), clean(reason)))
    })
}

fn incompatible(alert: AlertDescription) -> Option<HandshakeError> {
    match alert {
        AlertDescription::NoApplicationProtocol => {
            Some(HandshakeError::Incompatible("application protocol"))
        }
        AlertDescription::ProtocolVersion => Some(HandshakeError::Incompatible("TLS version")),
        AlertDescription::HandshakeFailure => {
            Some(HandshakeError::Incompatible("TLS cipher suite or key exchange"))
        }
        _ => None,
    }
}

/// An alert's name in RFC 8446 §6.
fn alert_name(alert: AlertDescription) -> String {
    match alert {
        AlertDescription::UnknownCA => "unknown_ca".to_owned(),
        other => {
            let mut name = String::new();
            for (index, c) in format!("{other:?}").chars().enumerate() {
                if c.is_ascii_uppercase() && index > 0 {
                    name.push('_');
                }
                name.push(c.to_ascii_lowercase());
            }
            name
        }
    }
}

/// An application close code; ours are 16 bits.
pub(super) fn close_code(code: VarInt) -> u16 {
    u16::try_from(code.into_inner()).unwrap_or(u16::MAX)
}

/// A peer's words, fit for a log: printable ASCII, bounded.
pub(super) fn clean(reason: &[u8]) -> String {
    let printable = |byte: &u8| if byte.is_ascii_graphic() { char::from(*byte) } else { ' ' };
    reason.iter().take(TEXT_MAX).map(printable).collect()
}
