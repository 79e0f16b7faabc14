//! The job secret.

use std::fmt;

use zeroize::Zeroizing;

use super::IdentityError;

/// Bytes of the shortest secret that is accepted.
const SECRET_MIN: usize = 16;

/// A secret that all ranks of a job share. Wiped from memory when dropped, never shown.
///
/// Its strength is whatever its bytes hold: take 32 random bytes, in hex or base64.
#[derive(Clone)]
pub struct JobSecret(Zeroizing<Vec<u8>>);

impl JobSecret {
    /// Takes a secret from the text of a file or an environment variable. White space around it does
    /// not count; inside, every byte does, in whatever notation it is.
    ///
    /// # Errors
    ///
    /// [`IdentityError::ShortSecret`] below 16 bytes.
    pub fn parse(text: &str) -> Result<Self, IdentityError> {
        let trimmed = text.trim();
        if trimmed.len() < SECRET_MIN {
            return Err(IdentityError::ShortSecret(trimmed.len()));
        }
        Ok(Self(Zeroizing::new(trimmed.as_bytes().to_vec())))
    }

    /// The key material.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for JobSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JobSecret(redacted)")
    }
}
