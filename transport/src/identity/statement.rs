//! Statements: bytes that a rank signs with its certificate's key (PROTOCOL §8.9), for places that
//! others can write to, such as the key-value store of a training framework.

use std::time::Duration;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::{Error as TlsError, SignatureScheme};

use super::{Identity, presented_name};
use crate::ids::Rank;

/// First byte of every statement.
const VERSION: u8 = 1;

/// What is signed begins with this, so that no signature of TLS can pass for one of ours: TLS 1.3
/// signs 64 spaces first (RFC 8446 §4.4.3).
const PURPOSE: &[u8] = b"sealane v1 statement\0";

/// The longest statement that is looked at.
const BYTES_MAX: usize = 64 << 10;

/// The most certificates of a chain.
const CHAIN_MAX: usize = 8;

/// Schemes in order of preference: those that the handshake offers too.
const SCHEMES: [SignatureScheme; 6] = [
    SignatureScheme::ED25519,
    SignatureScheme::ECDSA_NISTP256_SHA256,
    SignatureScheme::ECDSA_NISTP384_SHA384,
    SignatureScheme::RSA_PSS_SHA512,
    SignatureScheme::RSA_PSS_SHA384,
    SignatureScheme::RSA_PSS_SHA256,
];

/// Why a statement was not believed, or could not be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StatementError {
    /// Not the format, or of another version.
    #[error("not a signed statement of this version")]
    Malformed,
    /// Certified by nobody we trust, or expired.
    #[error("its certificate is not one of this job's authority: {0}")]
    Untrusted(String),
    /// Certified for another rank or job than is expected here.
    #[error("it is signed by {signer}, not by {expected}")]
    OtherSigner {
        /// Who signed it.
        signer: String,
        /// Who should have.
        expected: String,
    },
    /// The signature does not fit: content or context differs from what was signed.
    #[error("its signature does not fit its content and context")]
    BadSignature,
    /// The key cannot sign.
    #[error("the key cannot sign: {0}")]
    Key(String),
}

impl Identity {
    /// Signs `content` as said in `context`: a statement is believed only where the same context is
    /// expected. The content is not hidden.
    ///
    /// # Errors
    ///
    /// [`StatementError::Key`].
    pub fn sign_statement(
        &self,
        context: &[u8],
        content: &[u8],
    ) -> Result<Vec<u8>, StatementError> {
        let certified = self.certified_key();
        let no_scheme = || StatementError::Key("it has no scheme of TLS 1.3".to_owned());
        let signer = certified.key.choose_scheme(&SCHEMES).ok_or_else(no_scheme)?;
        let failed = |error: TlsError| StatementError::Key(error.to_string());
        let signature = signer.sign(&signed_bytes(context, content)).map_err(failed)?;
        let mut out = vec![VERSION, certified.cert.len() as u8];
        for certificate in &certified.cert {
            put(&mut out, certificate);
        }
        out.extend_from_slice(&u16::from(signer.scheme()).to_be_bytes());
        put(&mut out, &signature);
        out.extend_from_slice(content);
        Ok(out)
    }

    /// The content of a statement that `by`, a rank of our job, made in `context`. `now_unix` is in
    /// seconds since 1970.
    ///
    /// # Errors
    ///
    /// [`StatementError`]: not from that rank, not for that context, or changed since.
    pub fn open_statement<'a>(
        &self,
        by: Rank,
        context: &[u8],
        statement: &'a [u8],
        now_unix: u64,
    ) -> Result<&'a [u8], StatementError> {
        let parsed = Parsed::read(statement).ok_or(StatementError::Malformed)?;
        let [leaf, intermediates @ ..] = &parsed.chain[..] else {
            return Err(StatementError::Malformed);
        };
        let untrusted = |error: String| StatementError::Untrusted(error);
        let certificate =
            webpki::EndEntityCert::try_from(leaf).map_err(|error| untrusted(error.to_string()))?;
        let algorithms = aws_lc_rs::default_provider().signature_verification_algorithms;
        let (roots, now) =
            (self.roots(), UnixTime::since_unix_epoch(Duration::from_secs(now_unix)));
        let usage = webpki::KeyUsage::server_auth();
        certificate
            .verify_for_usage(algorithms.all, &roots.roots, intermediates, now, usage, None, None)
            .map_err(|error| untrusted(error.to_string()))?;
        let (rank, job) = presented_name(leaf).map_err(|error| untrusted(error.to_string()))?;
        if rank != by || job != *self.job() {
            let signer = format!("{rank} of {job}");
            return Err(StatementError::OtherSigner {
                signer,
                expected: format!("{by} of {}", self.job()),
            });
        }
        let message = signed_bytes(context, parsed.content);
        let schemes = algorithms.mapping.iter().filter(|(scheme, _)| *scheme == parsed.scheme);
        let fits = schemes.flat_map(|(_, algorithms)| algorithms.iter()).any(|algorithm| {
            certificate.verify_signature(*algorithm, &message, parsed.signature).is_ok()
        });
        if fits { Ok(parsed.content) } else { Err(StatementError::BadSignature) }
    }
}

/// What the signature covers.
fn signed_bytes(context: &[u8], content: &[u8]) -> Vec<u8> {
    let mut out = PURPOSE.to_vec();
    out.extend_from_slice(&(context.len() as u64).to_be_bytes());
    out.extend_from_slice(context);
    out.extend_from_slice(content);
    out
}

fn put(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&(bytes.len() as u32).to_be_bytes());
    out.extend_from_slice(bytes);
}

fn take<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, after) = rest.split_first_chunk::<4>()?;
    let (bytes, after) = after.split_at_checked(u32::from_be_bytes(*length) as usize)?;
    *rest = after;
    Some(bytes)
}

/// A statement taken apart; nothing of it is verified.
struct Parsed<'a> {
    chain: Vec<CertificateDer<'a>>,
    scheme: SignatureScheme,
    signature: &'a [u8],
    content: &'a [u8],
}

impl<'a> Parsed<'a> {
    fn read(statement: &'a [u8]) -> Option<Self> {
        let [VERSION, count, rest @ ..] = statement else { return None };
        let (mut rest, count) = (rest, usize::from(*count));
        if statement.len() > BYTES_MAX || !(1..=CHAIN_MAX).contains(&count) {
            return None;
        }
        let mut chain = Vec::with_capacity(count);
        for _ in 0..count {
            chain.push(CertificateDer::from(take(&mut rest)?));
        }
        let (scheme, after) = rest.split_first_chunk::<2>()?;
        rest = after;
        let signature = take(&mut rest)?;
        let scheme = SignatureScheme::from(u16::from_be_bytes(*scheme));
        Some(Self { chain, scheme, signature, content: rest })
    }
}

#[cfg(test)]
mod tests;
