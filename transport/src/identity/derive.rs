//! Identities derived from a job secret (PROTOCOL §8.7).
//!
//! `PRK = HKDF-Extract("sealane v1 job secret", secret)`; the authority's Ed25519 seed is
//! `Expand(PRK, "sealane v1 ca key" ‖ 00 ‖ job)`, a rank's is
//! `Expand(PRK, "sealane v1 leaf key" ‖ 00 ‖ job ‖ 00 ‖ rank u32)` (RFC 5869, RFC 8032).

use hkdf::Hkdf;
use rustls::pki_types::PrivatePkcs8KeyDer;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::authority::{Authority, Span};
use super::{Identity, IdentityError, JobId, JobSecret, pem};
use crate::ids::Rank;

const DAY: u64 = 24 * 60 * 60;

/// PKCS #8 version 1 of an Ed25519 key, up to its 32-byte seed (RFC 8410 §7).
const PKCS8_ED25519: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

/// A 32-byte key expanded from `prk` for one purpose.
fn expand(prk: &Hkdf<Sha256>, info: &[&[u8]]) -> Zeroizing<[u8; 32]> {
    let mut key = Zeroizing::new([0; 32]);
    #[expect(clippy::expect_used, reason = "HKDF-SHA256 gives up to 8160 bytes")]
    prk.expand(&info.concat(), &mut *key).expect("32 bytes are within HKDF's limit");
    key
}

/// An Ed25519 key pair from its seed.
fn key_pair(seed: &[u8; 32]) -> Result<rcgen::KeyPair, IdentityError> {
    let mut document = Zeroizing::new([0; 48]);
    document[..16].copy_from_slice(&PKCS8_ED25519);
    document[16..].copy_from_slice(seed);
    let document = PrivatePkcs8KeyDer::from(&document[..]);
    rcgen::KeyPair::from_pkcs8_der_and_sign_algo(&document, &rcgen::PKCS_ED25519)
        .map_err(|error| IdentityError::Issue(error.to_string()))
}

/// The key of QUIC's stateless resets, from a rank's private key.
pub(super) fn reset_seed(private_key: &[u8]) -> Zeroizing<[u8; 32]> {
    let prk = Hkdf::<Sha256>::new(Some(b"sealane v1 reset"), private_key);
    expand(&prk, &[b"sealane v1 reset key"])
}

pub(super) fn identity(
    job: &JobId,
    secret: &JobSecret,
    rank: Rank,
    now_unix: u64,
) -> Result<Identity, IdentityError> {
    let prk = Hkdf::<Sha256>::new(Some(b"sealane v1 job secret"), secret.bytes());
    let job_bytes = job.as_str().as_bytes();
    let ca = expand(&prk, &[b"sealane v1 ca key\0", job_bytes]);
    let leaf = expand(&prk, &[b"sealane v1 leaf key\0", job_bytes, b"\0", &rank.0.to_be_bytes()]);
    let authority = Authority::from_key(key_pair(&ca)?, Span::CENTURY)?;
    let leaf = key_pair(&leaf)?;
    let span = Span { from: now_unix.saturating_sub(DAY), to: now_unix.saturating_add(365 * DAY) };
    let certificate = authority.certify(job, rank, &leaf, span)?;
    pem::assemble(
        vec![authority.certificate().clone()],
        vec![certificate.der().clone()],
        PrivatePkcs8KeyDer::from(leaf.serialized_der().to_vec()).into(),
        now_unix,
    )
}
