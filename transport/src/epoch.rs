//! Epochs: groups of ranks whose sessions are open to nobody else, not even to other holders of the
//! job's secret (PROTOCOL §4.7).
//!
//! The members of an epoch share a secret, drawn for it and told to nobody else. It enters every key,
//! and each side of a handshake proves that it has it, bound to that very handshake. So a rank that was
//! removed can neither take part in a later epoch, nor read it, nor stand between two of its members.

use std::fmt;

use hkdf::Hkdf;
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::control::EpochProof;
use crate::ids::Rank;

const LABEL_PROOF: &[u8] = b"sealane v1 epoch proof";

/// Bytes of secrets and proofs.
const LENGTH: usize = 32;

/// Membership of an epoch. Cheap to clone; wiped when dropped, and never printed.
#[derive(Clone)]
pub struct Epoch {
    number: u64,
    secret: Zeroizing<[u8; LENGTH]>,
}

impl Epoch {
    /// The epoch of a number, which is public, and a secret that only its members have: 32 bytes of the
    /// operating system's entropy, for one epoch only.
    #[must_use]
    pub const fn new(number: u64, secret: Zeroizing<[u8; LENGTH]>) -> Self {
        Self { number, secret }
    }

    /// Its number.
    #[must_use]
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// Its secret, to be told to its members and to nobody else.
    #[must_use]
    pub fn secret(&self) -> &[u8; LENGTH] {
        &self.secret
    }

    /// A session's path secret that only members can know: `HKDF-Extract(epoch secret, path secret)`.
    pub(crate) fn bind(&self, path_secret: &[u8; LENGTH]) -> Zeroizing<[u8; LENGTH]> {
        let (mut bound, _) = Hkdf::<Sha256>::extract(Some(&*self.secret), path_secret);
        let mut out = Zeroizing::new([0; LENGTH]);
        out.copy_from_slice(&bound);
        zeroize::Zeroize::zeroize(&mut bound[..]);
        out
    }

    /// Shows to `receiver` that `sender` has the secret, on the connection that `exported` is of.
    pub(crate) fn proof(
        &self,
        exported: &[u8; LENGTH],
        (sender, receiver): (Rank, Rank),
    ) -> EpochProof {
        let mut proof = [0; LENGTH];
        let (number, sender, receiver) =
            (self.number.to_be_bytes(), sender.0.to_be_bytes(), receiver.0.to_be_bytes());
        let info: [&[u8]; 5] = [LABEL_PROOF, &number, &sender, &receiver, exported];
        // Both can only fail by length, and all lengths are constant.
        let expanded = Hkdf::<Sha256>::from_prk(&*self.secret)
            .is_ok_and(|hkdf| hkdf.expand_multi_info(&info, &mut proof).is_ok());
        assert!(expanded, "HKDF lengths are constant");
        EpochProof { number: self.number, proof }
    }

    /// Whether a proof is what `sender` must show to `receiver` on this connection.
    pub(crate) fn admits(
        &self,
        shown: &EpochProof,
        exported: &[u8; LENGTH],
        pair: (Rank, Rank),
    ) -> bool {
        let expected = self.proof(exported, pair);
        shown.number == expected.number && bool::from(shown.proof.ct_eq(&expected.proof))
    }
}

impl fmt::Debug for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Epoch({}, redacted)", self.number)
    }
}

#[cfg(test)]
mod tests;
