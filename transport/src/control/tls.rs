//! TLS 1.3 for the control plane: mutual, post-quantum first, no resumption, no 0-RTT (PROTOCOL §2.1).

use std::any::Any;
use std::sync::Arc;

use quinn_proto::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn_proto::crypto::{
    self, ExportKeyingMaterialError, HeaderKey, KeyPair, Keys, PacketKey, Session,
    UnsupportedVersion,
};
use quinn_proto::transport_parameters::TransportParameters;
use quinn_proto::{ConnectError, ConnectionId, Side, TransportError};
use rustls::client::Resumption;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::NoServerSessionStorage;
use rustls::sign::SingleCertAndKey;
use rustls::time_provider::TimeProvider;
use rustls::version::TLS13;

use super::hello::{HelloWatch, TlsInfo};
use super::verifier::{ClientCheck, ServerCheck, Verdict, VerdictSlot};
use crate::error::Error;
use crate::identity::Identity;

/// The application protocol (RFC 7301).
const ALPN: &[u8] = b"sealane/1";

/// TLS 1.3 suites, strongest first. AES-128 is in the list because QUIC's Initial packets need it
/// (RFC 9001 §5.2).
fn provider() -> Arc<CryptoProvider> {
    use aws_lc_rs::{cipher_suite, kx_group};
    Arc::new(CryptoProvider {
        cipher_suites: vec![
            cipher_suite::TLS13_AES_256_GCM_SHA384,
            cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
            cipher_suite::TLS13_AES_128_GCM_SHA256,
        ],
        kx_groups: vec![kx_group::X25519MLKEM768, kx_group::X25519],
        ..aws_lc_rs::default_provider()
    })
}

fn config(error: &impl std::fmt::Display) -> Error {
    Error::Config(format!("TLS: {error}"))
}

/// The client's half.
pub(super) struct ClientTls {
    inner: Arc<QuicClientConfig>,
    slot: VerdictSlot,
}

/// The server's half.
pub(super) struct ServerTls {
    inner: Arc<QuicServerConfig>,
    slot: VerdictSlot,
}

impl ClientTls {
    pub(super) fn new(identity: &Identity, wall: Arc<dyn TimeProvider>) -> Result<Self, Error> {
        let (provider, slot) = (provider(), VerdictSlot::default());
        let check = ServerCheck::new(identity, &provider, slot.clone())?;
        let mut tls = rustls::ClientConfig::builder_with_details(provider, wall)
            .with_protocol_versions(&[&TLS13])
            .map_err(|error| config(&error))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(check))
            .with_client_cert_resolver(Arc::new(SingleCertAndKey::from(Arc::clone(
                identity.certified_key(),
            ))));
        tls.alpn_protocols = vec![ALPN.to_vec()];
        tls.resumption = Resumption::disabled();
        tls.enable_early_data = false;
        Self::from_config(tls, slot)
    }

    /// Wraps a given configuration.
    pub(super) fn from_config(tls: rustls::ClientConfig, slot: VerdictSlot) -> Result<Self, Error> {
        let inner = Arc::new(QuicClientConfig::try_from(tls).map_err(|error| config(&error))?);
        Ok(Self { inner, slot })
    }
}

impl ServerTls {
    pub(super) fn new(identity: &Identity, wall: Arc<dyn TimeProvider>) -> Result<Self, Error> {
        let (provider, slot) = (provider(), VerdictSlot::default());
        let check = ClientCheck::new(identity, &provider, slot.clone())?;
        let mut tls = rustls::ServerConfig::builder_with_details(provider, wall)
            .with_protocol_versions(&[&TLS13])
            .map_err(|error| config(&error))?
            .with_client_cert_verifier(Arc::new(check))
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(Arc::clone(
                identity.certified_key(),
            ))));
        tls.alpn_protocols = vec![ALPN.to_vec()];
        tls.session_storage = Arc::new(NoServerSessionStorage {});
        tls.send_tls13_tickets = 0;
        tls.max_early_data_size = 0;
        let inner = Arc::new(QuicServerConfig::try_from(tls).map_err(|error| config(&error))?);
        Ok(Self { inner, slot })
    }
}

impl crypto::ClientConfig for ClientTls {
    fn start_session(
        self: Arc<Self>,
        version: u32,
        server_name: &str,
        params: &TransportParameters,
    ) -> Result<Box<dyn Session>, ConnectError> {
        let inner = Arc::clone(&self.inner).start_session(version, server_name, params)?;
        Ok(Box::new(Watched::new(inner, self.slot.clone(), Side::Client)))
    }
}

impl crypto::ServerConfig for ServerTls {
    fn initial_keys(
        &self,
        version: u32,
        dst_cid: &ConnectionId,
    ) -> Result<Keys, UnsupportedVersion> {
        self.inner.initial_keys(version, dst_cid)
    }

    fn retry_tag(&self, version: u32, orig_dst_cid: &ConnectionId, packet: &[u8]) -> [u8; 16] {
        self.inner.retry_tag(version, orig_dst_cid, packet)
    }

    fn start_session(
        self: Arc<Self>,
        version: u32,
        params: &TransportParameters,
    ) -> Box<dyn Session> {
        let inner = Arc::clone(&self.inner).start_session(version, params);
        Box::new(Watched::new(inner, self.slot.clone(), Side::Server))
    }
}

/// What a handshake has shown so far; [`Session::handshake_data`] of our sessions.
#[derive(Clone, Debug, Default)]
pub(super) struct Report {
    pub(super) verdict: Verdict,
    pub(super) tls: Option<TlsInfo>,
}

/// A TLS session that notes what it negotiated and why it refused.
struct Watched {
    inner: Box<dyn Session>,
    slot: VerdictSlot,
    side: Side,
    hello: HelloWatch,
    verdict: Verdict,
}

impl Watched {
    fn new(inner: Box<dyn Session>, slot: VerdictSlot, side: Side) -> Self {
        Self { inner, slot, side, hello: HelloWatch::default(), verdict: Verdict::default() }
    }
}

impl Session for Watched {
    fn initial_keys(&self, dst_cid: &ConnectionId, side: Side) -> Keys {
        self.inner.initial_keys(dst_cid, side)
    }

    fn handshake_data(&self) -> Option<Box<dyn Any>> {
        Some(Box::new(Report { verdict: self.verdict.clone(), tls: self.hello.found() }))
    }

    fn peer_identity(&self) -> Option<Box<dyn Any>> {
        self.inner.peer_identity()
    }

    fn early_crypto(&self) -> Option<(Box<dyn HeaderKey>, Box<dyn PacketKey>)> {
        None
    }

    fn early_data_accepted(&self) -> Option<bool> {
        self.inner.early_data_accepted()
    }

    fn is_handshaking(&self) -> bool {
        self.inner.is_handshaking()
    }

    fn read_handshake(&mut self, buf: &[u8]) -> Result<bool, TransportError> {
        if self.side == Side::Client {
            self.hello.push(buf);
        }
        let result = self.inner.read_handshake(buf);
        let verdict = self.slot.take();
        if verdict != Verdict::default() {
            self.verdict = verdict;
        }
        result
    }

    fn transport_parameters(&self) -> Result<Option<TransportParameters>, TransportError> {
        self.inner.transport_parameters()
    }

    fn write_handshake(&mut self, buf: &mut Vec<u8>) -> Option<Keys> {
        let before = buf.len();
        let keys = self.inner.write_handshake(buf);
        if self.side == Side::Server {
            self.hello.push(buf.get(before..).unwrap_or_default());
        }
        keys
    }

    fn next_1rtt_keys(&mut self) -> Option<KeyPair<Box<dyn PacketKey>>> {
        self.inner.next_1rtt_keys()
    }

    fn is_valid_retry(&self, orig_dst_cid: &ConnectionId, header: &[u8], payload: &[u8]) -> bool {
        self.inner.is_valid_retry(orig_dst_cid, header, payload)
    }

    fn export_keying_material(
        &self,
        output: &mut [u8],
        label: &[u8],
        context: &[u8],
    ) -> Result<(), ExportKeyingMaterialError> {
        self.inner.export_keying_material(output, label, context)
    }
}
