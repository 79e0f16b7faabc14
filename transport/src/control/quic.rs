//! How QUIC is set up: no idle timeout, no migration, no path MTU search, one stream (PROTOCOL §2.1).

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use hkdf::hmac::{Hmac, KeyInit, Mac};
use quinn_proto::crypto::{self, CryptoError, HmacKey};
use quinn_proto::{
    ClientConfig, Endpoint, EndpointConfig, HashedConnectionIdGenerator, NoneTokenStore,
    ServerConfig, TimeSource, TransportConfig, ValidationTokenConfig, VarInt,
};
use rustls::time_provider::TimeProvider;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::limits;

/// RTT that a handshake assumes before it has measured one. QUIC's own 333 ms would let one lost
/// packet cost a second.
const INITIAL_RTT: Duration = Duration::from_millis(50);

/// Bytes of stream data that a verified peer may have in flight to us.
const STREAM_WINDOW: u32 = 4 * limits::CONTROL_FRAME_MAX as u32;

/// Keys QUIC's stateless resets (RFC 9000 §10.3) with HMAC-SHA256.
struct ResetKey(Zeroizing<[u8; 32]>);

impl ResetKey {
    fn mac(&self, data: &[u8]) -> Hmac<Sha256> {
        #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
        let mut mac = Hmac::<Sha256>::new_from_slice(&*self.0).expect("any key length serves");
        mac.update(data);
        mac
    }
}

impl HmacKey for ResetKey {
    fn sign(&self, data: &[u8], signature_out: &mut [u8]) {
        let tag = self.mac(data).finalize().into_bytes();
        let length = signature_out.len().min(tag.len());
        signature_out[..length].copy_from_slice(&tag[..length]);
    }

    fn signature_len(&self) -> usize {
        32
    }

    fn verify(&self, data: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
        self.mac(data).verify_slice(signature).map_err(|_| CryptoError)
    }
}

/// The wall clock, for the age of Retry tokens.
struct Wall(Arc<dyn TimeProvider>);

impl TimeSource for Wall {
    fn now(&self) -> SystemTime {
        let unix = self
            .0
            .current_time()
            .map_or(Duration::ZERO, |time| Duration::from_secs(time.as_secs()));
        SystemTime::UNIX_EPOCH + unix
    }
}

/// Limits of one side: whether the peer may open the control stream.
fn transport(peer_opens: bool) -> Arc<TransportConfig> {
    let mut config = TransportConfig::default();
    config
        .max_concurrent_bidi_streams(VarInt::from_u32(u32::from(peer_opens)))
        .max_concurrent_uni_streams(VarInt::from_u32(0))
        // Whether a peer lives is for the data plane to say: it listens anyway.
        .max_idle_timeout(None)
        .keep_alive_interval(None)
        .stream_receive_window(VarInt::from_u32(STREAM_WINDOW))
        .receive_window(VarInt::from_u32(STREAM_WINDOW))
        .send_window(u64::from(STREAM_WINDOW))
        .datagram_receive_buffer_size(None)
        .initial_rtt(INITIAL_RTT)
        .mtu_discovery_config(None)
        .enable_segmentation_offload(false);
    Arc::new(config)
}

/// Clients' configuration.
pub(super) fn client(tls: Arc<dyn crypto::ClientConfig>) -> ClientConfig {
    let mut config = ClientConfig::new(tls);
    config.transport_config(transport(false)).token_store(Arc::new(NoneTokenStore));
    config
}

/// The endpoint, with its server half. All its entropy comes from `seed`, except what TLS and
/// connection ids take from the crypto provider and the operating system.
pub(super) fn endpoint(
    tls: Arc<dyn crypto::ServerConfig>,
    wall: Arc<dyn TimeProvider>,
    reset_seed: &[u8; 32],
    seed: [u8; 32],
    half_open_max: usize,
) -> Endpoint {
    let mut server = ServerConfig::with_crypto(tls);
    let mut tokens = ValidationTokenConfig::default();
    tokens.sent(0);
    server
        .transport_config(transport(true))
        .validation_token_config(tokens)
        .migration(false)
        .max_incoming(half_open_max)
        .incoming_buffer_size(64 << 10)
        .incoming_buffer_size_total(1 << 20)
        .time_source(Arc::new(Wall(wall)));
    let reset = ResetKey(Zeroizing::new(*reset_seed));
    // A key that survives a restart lets the next process recognise its predecessor's ids, and
    // answer them with a stateless reset. The hash over ids is weak, so it gets a key of its own.
    let cid_key = reset.mac(b"sealane v1 connection id").finalize().into_bytes();
    let cid_key = cid_key.iter().take(8).fold(0, |key, byte| key << 8 | u64::from(*byte));
    let mut config = EndpointConfig::new(Arc::new(reset));
    config
        .grease_quic_bit(false)
        .rng_seed(Some(seed))
        .cid_generator(move || Box::new(HashedConnectionIdGenerator::from_key(cid_key)));
    Endpoint::new(Arc::new(config), Some(Arc::new(server)), false, None)
}
