//! Certificate verification: the authority's signature, the dates, and the job and rank in the name.
//!
//! Both verifiers leave a precise verdict behind, because TLS itself reports only an alert.

use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error as TlsError, SignatureScheme,
};

use crate::error::{Error, HandshakeError};
use crate::identity::{Identity, JobId, presented_name};
use crate::ids::Rank;

/// What was found about the peer's certificate in one handshake.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Verdict {
    /// The rank that it names, verified or not.
    pub(super) claimed: Option<Rank>,
    /// Why it was refused.
    pub(super) error: Option<HandshakeError>,
}

/// Where verifiers leave their verdict. Verification happens inside a call that feeds a handshake,
/// so whoever makes that call takes the verdict right after it.
#[derive(Clone, Debug, Default)]
pub(super) struct VerdictSlot(Arc<Mutex<Verdict>>);

impl VerdictSlot {
    pub(super) fn take(&self) -> Verdict {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn put(&self, verdict: Verdict) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = verdict;
    }
}

/// Verifies servers: certified by our authority for exactly the name that was dialled.
#[derive(Debug)]
pub(super) struct ServerCheck {
    inner: Arc<WebPkiServerVerifier>,
    slot: VerdictSlot,
}

/// Verifies clients: certified by our authority for some rank of our job. That it is the rank that
/// PARAMETERS claim is checked there.
#[derive(Debug)]
pub(super) struct ClientCheck {
    inner: Arc<dyn ClientCertVerifier>,
    job: JobId,
    slot: VerdictSlot,
}

impl ServerCheck {
    pub(super) fn new(
        identity: &Identity,
        provider: &Arc<CryptoProvider>,
        slot: VerdictSlot,
    ) -> Result<Self, Error> {
        let roots = Arc::clone(identity.roots());
        let inner = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(provider))
            .build()
            .map_err(|error| Error::Config(format!("trusted authorities: {error}")))?;
        Ok(Self { inner, slot })
    }
}

impl ClientCheck {
    pub(super) fn new(
        identity: &Identity,
        provider: &Arc<CryptoProvider>,
        slot: VerdictSlot,
    ) -> Result<Self, Error> {
        let roots = Arc::clone(identity.roots());
        let inner = WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(provider))
            .build()
            .map_err(|error| Error::Config(format!("trusted authorities: {error}")))?;
        Ok(Self { inner, job: identity.job().clone(), slot })
    }

    /// The certificate's one name must be a rank of our job.
    fn check_job(&self, named: Option<(Rank, JobId)>) -> Result<(), TlsError> {
        match named {
            Some((_, job)) if job == self.job => Ok(()),
            _ => Err(CertificateError::NotValidForName.into()),
        }
    }
}

/// The verdict that a TLS error amounts to.
fn verdict(error: &TlsError, expected: &str) -> HandshakeError {
    let TlsError::InvalidCertificate(certificate) = error else {
        return HandshakeError::Transport(error.to_string());
    };
    match certificate {
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            HandshakeError::UnknownAuthority
        }
        CertificateError::Expired
        | CertificateError::ExpiredContext { .. }
        | CertificateError::NotValidYet
        | CertificateError::NotValidYetContext { .. } => HandshakeError::Expired,
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            HandshakeError::WrongName { expected: expected.to_owned() }
        }
        _ => HandshakeError::Transport(error.to_string()),
    }
}

impl ServerCertVerifier for ServerCheck {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        let claimed = presented_name(end_entity).ok().map(|(rank, _)| rank);
        let result = self.inner.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        );
        let error = result.as_ref().err().map(|error| verdict(error, &server_name.to_str()));
        self.slot.put(Verdict { claimed, error });
        result
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.inner.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.inner.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

impl ClientCertVerifier for ClientCheck {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        // A hint would tell strangers which authority the job has; every client has one certificate.
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, TlsError> {
        let named = presented_name(end_entity).ok();
        let claimed = named.as_ref().map(|(rank, _)| *rank);
        let result = self
            .inner
            .verify_client_cert(end_entity, intermediates, now)
            .and_then(|verified| self.check_job(named).map(|()| verified));
        let expected = format!("rank-*.{}.sealane", self.job);
        let error = result.as_ref().err().map(|error| verdict(error, &expected));
        self.slot.put(Verdict { claimed, error });
        result
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.inner.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.inner.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}
