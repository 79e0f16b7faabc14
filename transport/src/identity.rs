//! Who a process is: a certificate whose only name is `rank-{rank}.{job}.sealane` (PROTOCOL §8.6).
//!
//! Two ways to come by one. A *job secret*, from which every holder derives the same authority and
//! its own certificate: simple, and all holders are trusted alike. Or an [`Authority`] kept apart,
//! which issues one certificate per rank: then no rank can pass for another.

mod authority;
mod derive;
mod name;
mod pem;
mod secret;
mod statement;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::sign::CertifiedKey;

pub use authority::{Authority, Issued};
pub use name::{JobId, NameError};
pub(crate) use name::{certificate_name, presented_name};
pub use secret::JobSecret;
pub use statement::StatementError;

use crate::ids::Rank;

/// Why an identity cannot be made or used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// The job id is not a DNS label.
    #[error("job id: {0}")]
    Job(#[from] NameError),
    /// The job secret is too short to be one.
    #[error("the job secret has {0} bytes; at least 16 are needed")]
    ShortSecret(usize),
    /// A PEM file is malformed.
    #[error("the {what} is not valid PEM: {detail}")]
    Pem {
        /// Which file: `CA certificate`, `certificate` or `key`.
        what: &'static str,
        /// What the parser says.
        detail: String,
    },
    /// A PEM file holds nothing of the expected kind.
    #[error("there is no {0} in its PEM file")]
    Missing(&'static str),
    /// A certificate or key is malformed or of an unsupported kind.
    #[error("the {what} is unusable: {detail}")]
    Unusable {
        /// Which: `CA certificate`, `certificate` or `key`.
        what: &'static str,
        /// What the parser says.
        detail: String,
    },
    /// The key does not belong to the certificate.
    #[error("the key does not belong to the certificate")]
    KeyMismatch,
    /// The certificate has no DNS name.
    #[error("the certificate names nobody: a DNS subjectAltName rank-N.JOB.sealane is needed")]
    NoName,
    /// The certificate has more than one DNS name, so it would be ambiguous who holds it.
    #[error("the certificate has {0} names; exactly one is needed")]
    SeveralNames(usize),
    /// The certificate's name is not of the form `rank-N.JOB.sealane`.
    #[error("the certificate's name {0:?} is not of the form rank-N.JOB.sealane")]
    BadName(String),
    /// The certificate is expired.
    #[error("the certificate is expired")]
    Expired,
    /// The certificate is not valid yet.
    #[error("the certificate is not valid yet (is the clock right?)")]
    NotValidYet,
    /// The certificate was not issued by the CA.
    #[error("the certificate was not issued by this CA")]
    UnknownIssuer,
    /// A certificate could not be made.
    #[error("no certificate could be made: {0}")]
    Issue(String),
}

/// A rank's certificate, its key, and the authority that its peers must be certified by.
///
/// Cheap to clone. Debug output shows names only.
#[derive(Clone)]
pub struct Identity {
    job: JobId,
    rank: Rank,
    key: Arc<CertifiedKey>,
    roots: Arc<RootCertStore>,
    reset_seed: Arc<zeroize::Zeroizing<[u8; 32]>>,
}

impl Identity {
    /// Derives the identity of `rank` from the job's secret. `now_unix` is in seconds since 1970;
    /// the certificate is valid from a day before it to a year after it, the authority for a century.
    /// Every holder of the secret derives the same authority, whatever its clock says.
    ///
    /// # Errors
    ///
    /// [`IdentityError::Issue`] when the clock is outside the years that certificates can express.
    pub fn from_secret(
        job: &JobId,
        secret: &JobSecret,
        rank: Rank,
        now_unix: u64,
    ) -> Result<Self, IdentityError> {
        derive::identity(job, secret, rank, now_unix)
    }

    /// Reads an identity from PEM: the CA certificates to trust, our certificate (then any
    /// intermediates), and its private key. Job and rank are read from the certificate's only
    /// DNS name. `now_unix` is in seconds since 1970.
    ///
    /// # Errors
    ///
    /// One variant of [`IdentityError`] per thing that can be wrong with the three files.
    pub fn from_pem(
        ca: &[u8],
        certificate: &[u8],
        key: &[u8],
        now_unix: u64,
    ) -> Result<Self, IdentityError> {
        pem::identity(ca, certificate, key, now_unix)
    }

    /// The rank that the certificate names.
    #[must_use]
    pub const fn rank(&self) -> Rank {
        self.rank
    }

    /// The job that the certificate names.
    #[must_use]
    pub const fn job(&self) -> &JobId {
        &self.job
    }

    /// The authorities that peers must be certified by.
    pub(crate) const fn roots(&self) -> &Arc<RootCertStore> {
        &self.roots
    }

    /// Certificate chain and signing key.
    pub(crate) const fn certified_key(&self) -> &Arc<CertifiedKey> {
        &self.key
    }

    /// Keys QUIC's stateless resets. The same after a restart, so that a restarted process can tell
    /// its peers at once that their connections are void (RFC 9000 §10.3).
    pub(crate) fn reset_seed(&self) -> &[u8; 32] {
        &self.reset_seed
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("job", &self.job.as_str())
            .field("rank", &self.rank.0)
            .finish_non_exhaustive()
    }
}
