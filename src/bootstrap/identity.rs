//! How we prove who we are: one job secret, or a CA with a certificate per rank. Nothing runs
//! without one of them.

mod file;

#[cfg(test)]
mod tests;

use std::path::PathBuf;

use sealane_transport::Rank;
use sealane_transport::identity::{Identity, JobId, JobSecret};
use zeroize::Zeroizing;

use super::environment::Lookup;

/// The variable with the job secret itself.
pub const SECRET: &str = "SEALANE_SECRET";
/// The variable with the path of a file that holds it.
pub const SECRET_FILE: &str = "SEALANE_SECRET_FILE";
/// The variable with the path of the authority's certificate, PEM.
pub const CA: &str = "SEALANE_CA";
/// The variable with the path of this rank's certificate, PEM.
pub const CERT: &str = "SEALANE_CERT";
/// The variable with the path of this rank's private key, PEM.
pub const KEY: &str = "SEALANE_KEY";
/// The variable with the job id.
pub const JOB: &str = "SEALANE_JOB";

/// The job id where neither the user nor the launcher names the job. Two jobs with different secrets
/// have different authorities, so a shared name does not mix them.
const DEFAULT_JOB: &str = "sealane";

/// Secrets longer than this are somebody's disk image.
const FILE_BYTES_MAX: u64 = 64 << 10;

/// What the environment gives to prove an identity with.
pub enum Credentials {
    /// One secret that all ranks share.
    Secret {
        /// Its text.
        text: Zeroizing<String>,
        /// Where it came from, for errors.
        origin: String,
    },
    /// A certificate of our own from the job's authority.
    Certificate {
        /// The authority's certificate, PEM.
        ca: Vec<u8>,
        /// Our certificate, PEM.
        cert: Vec<u8>,
        /// Our private key, PEM.
        key: Zeroizing<Vec<u8>>,
        /// Where the certificate came from, for errors.
        origin: String,
    },
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (kind, origin) = match self {
            Self::Secret { origin, .. } => ("Secret", origin),
            Self::Certificate { origin, .. } => ("Certificate", origin),
        };
        f.debug_struct(kind).field("origin", origin).finish_non_exhaustive()
    }
}

/// Why there is no identity. Each is one line with the cause and the remedy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialsError {
    /// Nothing is set.
    #[error(
        "no identity: set SEALANE_SECRET_FILE to a file made by `sealane keys secret` (the same on \
         all ranks), or SEALANE_CA, SEALANE_CERT and SEALANE_KEY; nothing runs unencrypted"
    )]
    Missing,
    /// More than one way is set.
    #[error("{first} and {second} are both set: unset one of them")]
    Ambiguous {
        /// A variable.
        first: &'static str,
        /// Another.
        second: &'static str,
    },
    /// Part of the certificate variables is missing.
    #[error("{missing} is not set: SEALANE_CA, SEALANE_CERT and SEALANE_KEY go together")]
    Incomplete {
        /// The first that is missing.
        missing: &'static str,
    },
    /// A file cannot be read.
    #[error("cannot read {path} ({variable}): {cause}")]
    Unreadable {
        /// The variable that names it.
        variable: &'static str,
        /// The file.
        path: PathBuf,
        /// The operating system's words, and what to do.
        cause: String,
    },
    /// A file with a secret can be read or changed by everyone.
    #[error(
        "{path} ({variable}) has mode {mode:04o}, so that every user can get at it: `chmod 600 {path}` \
         (Kubernetes: defaultMode 0400 in the volume)"
    )]
    Exposed {
        /// The variable that names it.
        variable: &'static str,
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The content makes no sense.
    #[error("{origin}: {cause}")]
    Invalid {
        /// Where it came from.
        origin: String,
        /// What is wrong, and what to do.
        cause: String,
    },
    /// The certificate is another rank's.
    #[error(
        "{origin} is the certificate of rank {certified}, but this process is rank {rank}: give each \
         rank its own certificate"
    )]
    OtherRank {
        /// Where it came from.
        origin: String,
        /// The rank in it.
        certified: u32,
        /// The rank that the launcher gave us.
        rank: u32,
    },
    /// The certificate is another job's.
    #[error("{origin} is a certificate of job {certified:?}, but SEALANE_JOB is {job:?}")]
    OtherJob {
        /// Where it came from.
        origin: String,
        /// The job in it.
        certified: String,
        /// The job that was asked for.
        job: String,
    },
}

impl Credentials {
    /// Reads what the variables name. `{rank}` in the paths of certificate and key stands for the
    /// rank, so that launchers which give all ranks the same environment can be used.
    ///
    /// # Errors
    ///
    /// [`CredentialsError`]: nothing set, too much set, or files that cannot be used.
    pub fn from_environment(rank: Rank, lookup: Lookup<'_>) -> Result<Self, CredentialsError> {
        let get = |name: &str| lookup(name).filter(|value| !value.trim().is_empty());
        let pem = [CA, CERT, KEY];
        let set: Vec<&'static str> = [SECRET, SECRET_FILE]
            .into_iter()
            .chain(pem)
            .filter(|name| get(name).is_some())
            .collect();
        let any_pem = set.iter().find(|name| pem.contains(name)).copied();
        match (get(SECRET), get(SECRET_FILE), any_pem) {
            (None, None, None) => Err(CredentialsError::Missing),
            (Some(_), Some(_), _) => {
                Err(CredentialsError::Ambiguous { first: SECRET, second: SECRET_FILE })
            }
            (Some(_), None, Some(second)) => {
                Err(CredentialsError::Ambiguous { first: SECRET, second })
            }
            (None, Some(_), Some(second)) => {
                Err(CredentialsError::Ambiguous { first: SECRET_FILE, second })
            }
            (Some(text), None, None) => {
                Ok(Self::Secret { text: Zeroizing::new(text), origin: SECRET.to_owned() })
            }
            (None, Some(path), None) => Self::from_secret_file(&path),
            (None, None, Some(_)) => {
                if let Some(missing) = pem.into_iter().find(|name| get(name).is_none()) {
                    return Err(CredentialsError::Incomplete { missing });
                }
                let rank = rank.0.to_string();
                let path = |name| get(name).unwrap_or_default().replace("{rank}", &rank);
                Self::from_pem_files(&path(CA), &path(CERT), &path(KEY))
            }
        }
    }

    fn from_secret_file(path: &str) -> Result<Self, CredentialsError> {
        let bytes = file::read_private(SECRET_FILE, path)?;
        let origin = format!("{SECRET_FILE}={path}");
        match std::str::from_utf8(&bytes) {
            Ok(text) => Ok(Self::Secret { text: Zeroizing::new(text.trim().to_owned()), origin }),
            Err(_) => Err(CredentialsError::Invalid {
                origin,
                cause: "not text: make a secret with `sealane keys secret`".to_owned(),
            }),
        }
    }

    fn from_pem_files(ca: &str, cert: &str, key: &str) -> Result<Self, CredentialsError> {
        Ok(Self::Certificate {
            ca: file::read_public(CA, ca)?,
            cert: file::read_public(CERT, cert)?,
            key: file::read_private(KEY, key)?,
            origin: format!("{CERT}={cert}"),
        })
    }

    /// The identity of `rank`. `job` is what the user asked for, `run` what the launcher calls the
    /// run; `now_unix` is in seconds.
    ///
    /// # Errors
    ///
    /// [`CredentialsError`]: malformed, expired, or another rank's or job's.
    pub fn identity(
        &self,
        rank: Rank,
        job: Option<&str>,
        run: Option<&str>,
        now_unix: u64,
    ) -> Result<Identity, CredentialsError> {
        let invalid = |origin: &str, cause: String| CredentialsError::Invalid {
            origin: origin.to_owned(),
            cause,
        };
        let asked = job
            .map(|job| job.parse::<JobId>().map_err(|error| invalid(JOB, error.to_string())))
            .transpose()?;
        match self {
            Self::Secret { text, origin } => {
                let job = match asked {
                    Some(job) => job,
                    None => default_job(run).map_err(|cause| invalid(JOB, cause))?,
                };
                let secret =
                    JobSecret::parse(text).map_err(|error| invalid(origin, error.to_string()))?;
                Identity::from_secret(&job, &secret, rank, now_unix)
                    .map_err(|error| invalid(origin, error.to_string()))
            }
            Self::Certificate { ca, cert, key, origin } => {
                let identity = Identity::from_pem(ca, cert, key, now_unix)
                    .map_err(|error| invalid(origin, error.to_string()))?;
                if identity.rank() != rank {
                    return Err(CredentialsError::OtherRank {
                        origin: origin.clone(),
                        certified: identity.rank().0,
                        rank: rank.0,
                    });
                }
                match asked {
                    Some(job) if job != *identity.job() => Err(CredentialsError::OtherJob {
                        origin: origin.clone(),
                        certified: identity.job().to_string(),
                        job: job.to_string(),
                    }),
                    _ => Ok(identity),
                }
            }
        }
    }
}

/// The launcher's name for the run, made to fit a DNS label, or a fixed one.
fn default_job(run: Option<&str>) -> Result<JobId, String> {
    let label: String = run
        .unwrap_or_default()
        .to_ascii_lowercase()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .take(63)
        .collect();
    let label = label.trim_matches('-');
    let label = if label.is_empty() { DEFAULT_JOB } else { label };
    label.parse::<JobId>().map_err(|error| error.to_string())
}
