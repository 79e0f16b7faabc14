//! Names: job ids, and the DNS name that binds a certificate to a job and a rank (PROTOCOL §8.6).

use std::fmt;
use std::str::FromStr;

use rustls::pki_types::CertificateDer;

use super::IdentityError;
use crate::ids::Rank;

/// Bytes of the longest job id: one DNS label (RFC 1035 §2.3.4).
const JOB_MAX: usize = 63;

/// Why a text is not a job id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// Empty, or longer than a DNS label.
    #[error("{0} characters; 1 to 63 are allowed")]
    Length(usize),
    /// A character that is not allowed.
    #[error("{0:?} is not allowed; a-z, 0-9 and - are")]
    Character(char),
    /// Begins or ends with a hyphen, which DNS names must not.
    #[error("must not begin or end with a hyphen")]
    Hyphen,
}

/// A job's id: 1 to 63 of `a-z`, `0-9` and `-`, with no hyphen at either end.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(Box<str>);

impl JobId {
    /// Checks `text`.
    ///
    /// # Errors
    ///
    /// [`NameError`] says what is wrong with it.
    pub fn new(text: &str) -> Result<Self, NameError> {
        if text.is_empty() || text.len() > JOB_MAX {
            return Err(NameError::Length(text.chars().count()));
        }
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if let Some(c) = text.chars().find(|c| !allowed(*c)) {
            return Err(NameError::Character(c));
        }
        if text.starts_with('-') || text.ends_with('-') {
            return Err(NameError::Hyphen);
        }
        Ok(Self(text.into()))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for JobId {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::new(text)
    }
}

/// The DNS name of a rank of a job.
pub(crate) fn certificate_name(job: &JobId, rank: Rank) -> String {
    format!("rank-{}.{job}.sealane", rank.0)
}

/// The rank and job of a certificate's DNS name. Only the canonical spelling counts, so that two
/// different names never mean the same rank.
pub(crate) fn parse_certificate_name(name: &str) -> Option<(Rank, JobId)> {
    let rest = name.strip_prefix("rank-")?.strip_suffix(".sealane")?;
    let (rank, job) = rest.split_once('.')?;
    let parsed = (Rank(rank.parse().ok()?), JobId::new(job).ok()?);
    (certificate_name(&parsed.1, parsed.0) == name).then_some(parsed)
}

/// The rank and job that a certificate names, which proves nothing until its chain is verified.
pub(crate) fn presented_name(
    certificate: &CertificateDer<'_>,
) -> Result<(Rank, JobId), IdentityError> {
    let parsed = webpki::EndEntityCert::try_from(certificate).map_err(|error| {
        IdentityError::Unusable { what: "certificate", detail: error.to_string() }
    })?;
    let mut names = parsed.valid_dns_names();
    let name = names.next().ok_or(IdentityError::NoName)?;
    let more = names.count();
    if more > 0 {
        return Err(IdentityError::SeveralNames(more + 1));
    }
    parse_certificate_name(name).ok_or_else(|| IdentityError::BadName(name.to_owned()))
}
