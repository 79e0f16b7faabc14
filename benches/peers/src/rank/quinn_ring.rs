//! A ring over QUIC streams: one stream to the next rank, one from the rank before, both at once.

use std::sync::Arc;
use std::time::Duration;

use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::{ClientConfig, Connection, Endpoint, MtuDiscoveryConfig, RecvStream, SendStream};
use quinn::{ServerConfig, TransportConfig};
use tokio::runtime::Runtime;

use super::ring::{self, Step};
use super::rustls_ring::{NAME, configs};
use crate::Failure;
use crate::options::Rank;

/// Bytes of flow control: more than the pipe holds, so that only congestion control limits.
const WINDOW: u32 = 16 << 20;
/// The largest datagram payload to probe for: what loopback carries.
const MTU_MAX: u16 = 65_527;
/// Bytes read before they are added up.
const PIECE: usize = 64 << 10;

/// A rank's two streams.
pub struct QuinnRing {
    rank: usize,
    world: usize,
    runtime: Runtime,
    next: SendStream,
    before: RecvStream,
    /// Dropping these would end the streams.
    _alive: (Endpoint, [Connection; 2]),
}

/// Joins the ring.
pub fn connect(options: &Rank) -> Result<QuinnRing, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let (client, server) = configs(&options.identity)?;
    let transport = Arc::new(transport());
    let mut server = ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(server)?));
    server.transport_config(Arc::clone(&transport));
    let mut client = ClientConfig::new(Arc::new(QuicClientConfig::try_from(client)?));
    client.transport_config(transport);
    let joined = runtime.block_on(join(options, client, server))?;
    let (endpoint, [to, from], next, before) = joined;
    let (rank, world) = (options.rank, options.addresses.len());
    Ok(QuinnRing { rank, world, runtime, next, before, _alive: (endpoint, [to, from]) })
}

fn transport() -> TransportConfig {
    let mut transport = TransportConfig::default();
    let mut mtu = MtuDiscoveryConfig::default();
    mtu.upper_bound(MTU_MAX);
    transport
        .mtu_discovery_config(Some(mtu))
        .stream_receive_window(WINDOW.into())
        .receive_window(WINDOW.into())
        .send_window(u64::from(WINDOW))
        .keep_alive_interval(Some(Duration::from_secs(5)));
    transport
}

async fn join(
    options: &Rank,
    client: ClientConfig,
    server: ServerConfig,
) -> Result<(Endpoint, [Connection; 2], SendStream, RecvStream), Failure> {
    let mut endpoint = Endpoint::server(server, options.addresses[options.rank])?;
    endpoint.set_default_client_config(client);
    let next = options.addresses[(options.rank + 1) % options.addresses.len()];
    let dialled = async {
        let connection = loop {
            match endpoint.connect(next, NAME).map_err(|_| "the address is unusable")?.await {
                Ok(connection) => break connection,
                Err(quinn::ConnectionError::TimedOut) => return Err("the next rank is not there"),
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        };
        Ok((connection.open_uni().await.map_err(|_| "no stream")?, connection))
    };
    let accepted = async {
        let incoming = endpoint.accept().await.ok_or("the endpoint is closed")?;
        let connection = incoming.await.map_err(|_| "the handshake failed")?;
        Ok::<_, &str>(connection)
    };
    let ((mut send, to), from) = tokio::try_join!(dialled, accepted)?;
    // A stream exists for the other side only once something was sent on it.
    send.write_all(&[0]).await?;
    let mut receive = from.accept_uni().await?;
    receive.read_exact(&mut [0]).await?;
    Ok((endpoint, [to, from], send, receive))
}

impl super::Peer for QuinnRing {
    fn all_reduce(&mut self, values: &mut [f32]) -> Result<(), Failure> {
        let Self { rank, world, runtime, next, before, .. } = self;
        runtime.block_on(async {
            for step in ring::steps(*rank, *world) {
                exchange(next, before, values, step, *world).await?;
            }
            Ok(())
        })
    }
}

async fn exchange(
    next: &mut SendStream,
    before: &mut RecvStream,
    values: &mut [f32],
    step: Step,
    world: usize,
) -> Result<(), Failure> {
    let send = ring::chunk(step.send, world, values.len());
    let receive = ring::chunk(step.receive, world, values.len());
    let (out, into) = ring::split(values, &send, &receive);
    let sent = async { next.write_all(ring::bytes(out)).await.map_err(Failure::from) };
    let received = async {
        let (mut piece, mut at) = (vec![0; PIECE], 0);
        let length = size_of_val(into);
        while at < length {
            let wanted = PIECE.min(length - at);
            before.read_exact(&mut piece[..wanted]).await?;
            ring::take_in(into, at, &piece[..wanted], step.add);
            at += wanted;
        }
        Ok(())
    };
    tokio::try_join!(sent, received)?;
    Ok(())
}
