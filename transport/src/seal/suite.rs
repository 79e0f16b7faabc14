//! The AEAD suites of the data plane (PROTOCOL §4.1).

use std::fmt;
use std::str::FromStr;

use super::aead::library;

/// An AEAD suite. Both have 32-byte keys, 12-byte nonces and 16-byte tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Suite {
    /// AES-256-GCM (NIST SP 800-38D).
    Aes256Gcm,
    /// ChaCha20-Poly1305 (RFC 8439).
    ChaCha20Poly1305,
}

/// Bytes of every suite's tag.
pub const TAG_LEN: usize = 16;

/// Bytes of every suite's key.
pub const KEY_LEN: usize = 32;

impl Suite {
    /// The suites that this build can seal with, preferred first.
    #[must_use]
    pub const fn available() -> &'static [Self] {
        if cfg!(feature = "aws-lc-rs") {
            &[Self::Aes256Gcm, Self::ChaCha20Poly1305]
        } else if cfg!(feature = "rustcrypto") {
            &[Self::ChaCha20Poly1305]
        } else {
            &[]
        }
    }

    /// Its number in PARAMETERS and in the key schedule.
    #[must_use]
    pub const fn wire(self) -> u8 {
        match self {
            Self::Aes256Gcm => 1,
            Self::ChaCha20Poly1305 => 2,
        }
    }

    /// The suite of a wire number.
    #[must_use]
    pub const fn from_wire(wire: u8) -> Option<Self> {
        match wire {
            1 => Some(Self::Aes256Gcm),
            2 => Some(Self::ChaCha20Poly1305),
            _ => None,
        }
    }

    /// The library that seals with it in this build, on this processor: "AWS-LC", "ring" or "RustCrypto".
    #[must_use]
    pub fn library(self) -> &'static str {
        library(self)
    }

    /// Its registered name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Aes256Gcm => "AES-256-GCM",
            Self::ChaCha20Poly1305 => "ChaCha20-Poly1305",
        }
    }
}

impl fmt::Display for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The text names no suite of this build.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this build has no cipher suite {0:?}; known are aes256gcm and chacha20")]
pub struct UnknownSuite(String);

impl FromStr for Suite {
    type Err = UnknownSuite;

    fn from_str(text: &str) -> Result<Self, UnknownSuite> {
        let suite = match text.to_ascii_lowercase().as_str() {
            "aes256gcm" | "aes-256-gcm" => Self::Aes256Gcm,
            "chacha20" | "chacha20poly1305" | "chacha20-poly1305" => Self::ChaCha20Poly1305,
            _ => return Err(UnknownSuite(text.to_owned())),
        };
        if Self::available().contains(&suite) {
            Ok(suite)
        } else {
            Err(UnknownSuite(text.to_owned()))
        }
    }
}
