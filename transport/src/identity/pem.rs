//! Identities from PEM files, checked at load as a peer will check them in the handshake.

use std::sync::Arc;
use std::time::Duration;

use rustls::RootCertStore;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::sign::CertifiedKey;

use super::{Identity, IdentityError, derive, presented_name};

const CA: &str = "CA certificate";
const CERTIFICATE: &str = "certificate";
const KEY: &str = "key";

pub(super) fn identity(
    ca: &[u8],
    certificate: &[u8],
    key: &[u8],
    now_unix: u64,
) -> Result<Identity, IdentityError> {
    let roots = certificates(ca, CA)?;
    let chain = certificates(certificate, CERTIFICATE)?;
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| malformed(KEY, &error))?;
    assemble(roots, chain, key, now_unix)
}

/// All certificates of a PEM file, at least one.
pub(super) fn certificates(
    pem: &[u8],
    what: &'static str,
) -> Result<Vec<CertificateDer<'static>>, IdentityError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let found = found.map_err(|error| malformed(what, &error))?;
    if found.is_empty() {
        return Err(IdentityError::Missing(what));
    }
    Ok(found)
}

/// Puts an identity together and checks it: key belongs to certificate, certificate to authority,
/// valid now, for exactly one rank of one job.
pub(super) fn assemble(
    roots: Vec<CertificateDer<'static>>,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    now_unix: u64,
) -> Result<Identity, IdentityError> {
    let mut store = RootCertStore::empty();
    for root in roots {
        store.add(root).map_err(|error| unusable(CA, &error))?;
    }
    let reset_seed = derive::reset_seed(key.secret_der());
    let provider = aws_lc_rs::default_provider();
    let key = provider.key_provider.load_private_key(key).map_err(|error| unusable(KEY, &error))?;
    let certified = CertifiedKey::new(chain, key);
    check_key(&certified)?;
    let leaf = certified.cert.first().ok_or(IdentityError::Missing(CERTIFICATE))?;
    let (rank, job) = presented_name(leaf)?;
    check_chain(&store, &certified.cert, now_unix)?;
    Ok(Identity {
        job,
        rank,
        key: Arc::new(certified),
        roots: Arc::new(store),
        reset_seed: Arc::new(reset_seed),
    })
}

fn check_key(certified: &CertifiedKey) -> Result<(), IdentityError> {
    match certified.keys_match() {
        Ok(()) => Ok(()),
        Err(rustls::Error::InconsistentKeys(_)) => Err(IdentityError::KeyMismatch),
        Err(error) => Err(unusable(CERTIFICATE, &error)),
    }
}

fn check_chain(
    roots: &RootCertStore,
    chain: &[CertificateDer<'static>],
    now_unix: u64,
) -> Result<(), IdentityError> {
    let Some((leaf, intermediates)) = chain.split_first() else {
        return Err(IdentityError::Missing(CERTIFICATE));
    };
    let leaf = webpki::EndEntityCert::try_from(leaf).map_err(|e| unusable(CERTIFICATE, &e))?;
    let algorithms = aws_lc_rs::default_provider().signature_verification_algorithms;
    let now = UnixTime::since_unix_epoch(Duration::from_secs(now_unix));
    for usage in [webpki::KeyUsage::server_auth(), webpki::KeyUsage::client_auth()] {
        leaf.verify_for_usage(algorithms.all, &roots.roots, intermediates, now, usage, None, None)
            .map_err(|error| chain_error(&error))?;
    }
    Ok(())
}

fn chain_error(error: &webpki::Error) -> IdentityError {
    match error {
        webpki::Error::CertExpired { .. } => IdentityError::Expired,
        webpki::Error::CertNotValidYet { .. } => IdentityError::NotValidYet,
        webpki::Error::UnknownIssuer | webpki::Error::InvalidSignatureForPublicKey => {
            IdentityError::UnknownIssuer
        }
        other => unusable(CERTIFICATE, other),
    }
}

fn malformed(what: &'static str, error: &PemError) -> IdentityError {
    match error {
        PemError::NoItemsFound => IdentityError::Missing(what),
        other => IdentityError::Pem { what, detail: other.to_string() },
    }
}

fn unusable(what: &'static str, error: &impl std::fmt::Display) -> IdentityError {
    IdentityError::Unusable { what, detail: error.to_string() }
}
