//! The authority that certifies ranks (PROTOCOL §8.8): `sealane keys ca` and `sealane keys issue`.

use std::fmt;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, PublicKeyData, SerialNumber,
};
use rustls::pki_types::CertificateDer;
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use zeroize::Zeroizing;

use super::{Identity, IdentityError, JobId, certificate_name};
use crate::ids::Rank;

const DAY: u64 = 24 * 60 * 60;

/// How long a certificate is valid, in seconds since 1970.
#[derive(Clone, Copy)]
pub(super) struct Span {
    pub(super) from: u64,
    pub(super) to: u64,
}

impl Span {
    /// 2020 to 2120. A trust anchor's dates are not checked (RFC 5280 §6.1.1), and fixed ones give
    /// every holder of a job secret the same certificate.
    pub(super) const CENTURY: Self = Self { from: 1_577_836_800, to: 4_733_510_400 };
}

/// A certificate and its key, in PEM.
#[derive(Clone)]
pub struct Issued {
    /// The certificate.
    pub certificate: String,
    /// The private key, PKCS #8. Wiped from memory when dropped.
    pub key: Zeroizing<String>,
}

impl fmt::Debug for Issued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issued").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}

/// An authority that certifies the ranks of jobs. Keys are Ed25519 (RFC 8410).
pub struct Authority {
    params: CertificateParams,
    key: KeyPair,
    certificate: CertificateDer<'static>,
    pem: String,
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Authority(key redacted)")
    }
}

impl Authority {
    /// A new authority with a random key (from the crypto provider), valid from the day before
    /// `now_unix` (seconds since 1970) for `valid_days`.
    ///
    /// # Errors
    ///
    /// [`IdentityError::Issue`] without entropy, or for dates that certificates cannot express.
    pub fn generate(now_unix: u64, valid_days: u32) -> Result<Self, IdentityError> {
        Self::from_key(random_key()?, days(now_unix, valid_days))
    }

    /// Reads an authority made by [`generate`](Self::generate) from its PEM files.
    ///
    /// # Errors
    ///
    /// [`IdentityError::Pem`], [`IdentityError::KeyMismatch`], [`IdentityError::Unusable`].
    pub fn from_pem(certificate: &str, key: &str) -> Result<Self, IdentityError> {
        let what = "CA certificate";
        let certificates = super::pem::certificates(certificate.as_bytes(), what)?;
        let der = certificates.into_iter().next().ok_or(IdentityError::Missing(what))?;
        let key = KeyPair::from_pem(key)
            .map_err(|error| IdentityError::Pem { what: "key", detail: error.to_string() })?;
        let parsed = webpki::EndEntityCert::try_from(&der)
            .map_err(|error| IdentityError::Unusable { what, detail: error.to_string() })?;
        if *parsed.subject_public_key_info() != *key.subject_public_key_info() {
            return Err(IdentityError::KeyMismatch);
        }
        let params = ca_params(&key, Span::CENTURY)?;
        Ok(Self { params, key, certificate: der, pem: certificate.to_owned() })
    }

    /// The authority of a given key.
    pub(super) fn from_key(key: KeyPair, span: Span) -> Result<Self, IdentityError> {
        let params = ca_params(&key, span)?;
        let certificate = params.self_signed(&key).map_err(issue)?;
        let pem = certificate.pem();
        Ok(Self { certificate: certificate.der().clone(), pem, params, key })
    }

    /// The CA certificate and its key in PEM. The key makes ranks: keep it off the hosts that run
    /// the job.
    #[must_use]
    pub fn to_pem(&self) -> Issued {
        Issued { certificate: self.pem.clone(), key: Zeroizing::new(self.key.serialize_pem()) }
    }

    /// Certifies a fresh random key for `rank` of `job`, valid from the day before `now_unix`
    /// (seconds since 1970) for `valid_days`.
    ///
    /// # Errors
    ///
    /// As [`generate`](Self::generate), and [`IdentityError::UnknownIssuer`] when this authority's
    /// certificate was not made by Sealane, so that the chain would not verify.
    pub fn issue(
        &self,
        job: &JobId,
        rank: Rank,
        valid_days: u32,
        now_unix: u64,
    ) -> Result<Issued, IdentityError> {
        let key = random_key()?;
        let certificate = self.certify(job, rank, &key, days(now_unix, valid_days))?;
        let issued =
            Issued { certificate: certificate.pem(), key: Zeroizing::new(key.serialize_pem()) };
        // Verifying what was just issued finds a foreign CA here instead of in the first handshake.
        let (certificate, key) = (issued.certificate.as_bytes(), issued.key.as_bytes());
        Identity::from_pem(self.pem.as_bytes(), certificate, key, now_unix)?;
        Ok(issued)
    }

    #[cfg(test)]
    pub(super) const fn params(&self) -> &CertificateParams {
        &self.params
    }

    pub(super) const fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// Certifies `key` for `rank` of `job`.
    pub(super) fn certify(
        &self,
        job: &JobId,
        rank: Rank,
        key: &KeyPair,
        span: Span,
    ) -> Result<rcgen::Certificate, IdentityError> {
        let name = certificate_name(job, rank);
        let mut params = CertificateParams::new([name.clone()]).map_err(issue)?;
        params.distinguished_name = common_name(&format!("{} of {job}", rank));
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        params.serial_number = Some(serial(key, name.as_bytes()));
        (params.not_before, params.not_after) = (moment(span.from)?, moment(span.to)?);
        let issuer = Issuer::from_params(&self.params, &self.key);
        params.signed_by(key, &issuer).map_err(issue)
    }
}

fn ca_params(key: &KeyPair, span: Span) -> Result<CertificateParams, IdentityError> {
    let mut params = CertificateParams::default();
    // The key's digest in the name makes authorities with different keys different issuers, so a
    // wrong secret is reported as an unknown authority and not as a bad signature.
    params.distinguished_name = common_name(&format!("Sealane CA {}", hex(&digest(key, b"")[..8])));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.serial_number = Some(serial(key, b"ca"));
    (params.not_before, params.not_after) = (moment(span.from)?, moment(span.to)?);
    Ok(params)
}

fn common_name(text: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, text);
    name
}

fn random_key() -> Result<KeyPair, IdentityError> {
    KeyPair::generate_for(&rcgen::PKCS_ED25519).map_err(issue)
}

fn digest(key: &KeyPair, context: &[u8]) -> [u8; 32] {
    Sha256::new()
        .chain_update(key.subject_public_key_info())
        .chain_update(context)
        .finalize()
        .into()
}

/// A positive serial number that depends on key and name only.
fn serial(key: &KeyPair, context: &[u8]) -> SerialNumber {
    let mut bytes = digest(key, context);
    bytes[0] = bytes[0] & 0x7f | 0x40;
    SerialNumber::from_slice(&bytes[..16])
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn days(now_unix: u64, valid_days: u32) -> Span {
    Span {
        from: now_unix.saturating_sub(DAY),
        to: now_unix.saturating_add(u64::from(valid_days) * DAY),
    }
}

fn moment(unix: u64) -> Result<OffsetDateTime, IdentityError> {
    i64::try_from(unix)
        .ok()
        .and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok())
        .ok_or_else(|| IdentityError::Issue(format!("{unix} s is no date of a certificate")))
}

fn issue(error: rcgen::Error) -> IdentityError {
    IdentityError::Issue(error.to_string())
}
