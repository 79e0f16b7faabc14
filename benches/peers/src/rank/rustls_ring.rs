//! A ring over TLS 1.3 on TCP, as an engineer would write one: a connection to the next rank, one from
//! the rank before, and a thread that sends large chunks while this one receives.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection};
use rustls::{StreamOwned, crypto::aws_lc_rs};

use super::ring::{self, Step};
use crate::Failure;
use crate::options::Rank;

/// Bytes read before they are added up: one TLS record.
const PIECE: usize = 16 << 10;
/// Chunks up to here fit into the kernel's buffers, so that no thread is needed.
const INLINE: usize = 64 << 10;
/// How long the others may take to listen.
const PATIENCE: Duration = Duration::from_secs(30);

/// The name in the certificate.
pub const NAME: &str = "sealane-peers";

/// A rank's two connections.
pub struct RustlsRing {
    rank: usize,
    world: usize,
    next: StreamOwned<ClientConnection, TcpStream>,
    before: StreamOwned<ServerConnection, TcpStream>,
}

/// The certificate and the key that all ranks share.
pub fn identity(
    folder: &Path,
) -> Result<(CertificateDer<'static>, PrivateKeyDer<'static>), Failure> {
    let certificate = CertificateDer::from(std::fs::read(folder.join("certificate.der"))?);
    let key = PrivateKeyDer::try_from(std::fs::read(folder.join("key.der"))?)?;
    Ok((certificate, key))
}

/// TLS 1.3 both ways; only the side that listens shows a certificate.
pub fn configs(folder: &Path) -> Result<(ClientConfig, ServerConfig), Failure> {
    let (certificate, key) = identity(folder)?;
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone())?;
    let provider = Arc::new(aws_lc_rs::default_provider());
    let versions = &[&rustls::version::TLS13];
    let client = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let server = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)?
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)?;
    Ok((client, server))
}

/// Joins the ring.
pub fn connect(options: &Rank) -> Result<RustlsRing, Failure> {
    let (client, server) = configs(&options.identity)?;
    let world = options.addresses.len();
    let listener = TcpListener::bind(options.addresses[options.rank])?;
    let next = dial(options.addresses[(options.rank + 1) % world])?;
    let (before, _) = listener.accept()?;
    for stream in [&next, &before] {
        stream.set_nodelay(true)?;
    }
    let name = ServerName::try_from(NAME)?;
    let next = StreamOwned::new(ClientConnection::new(Arc::new(client), name)?, next);
    let before = StreamOwned::new(ServerConnection::new(Arc::new(server))?, before);
    let mut ring = RustlsRing { rank: options.rank, world, next, before };
    // Both handshakes at once: each waits for the neighbour's other one.
    thread::scope(|scope| {
        let client = scope.spawn(|| ring.next.conn.complete_io(&mut ring.next.sock).map(|_| ()));
        ring.before.conn.complete_io(&mut ring.before.sock)?;
        client.join().unwrap_or_else(|_| Err(std::io::Error::other("the handshake panicked")))
    })?;
    Ok(ring)
}

fn dial(address: SocketAddr) -> Result<TcpStream, Failure> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match TcpStream::connect(address) {
            Ok(stream) => return Ok(stream),
            Err(error) if Instant::now() > deadline => return Err(error.into()),
            Err(_) => thread::sleep(Duration::from_millis(20)),
        }
    }
}

impl super::Peer for RustlsRing {
    fn all_reduce(&mut self, values: &mut [f32]) -> Result<(), Failure> {
        for step in ring::steps(self.rank, self.world) {
            self.step(values, step)?;
        }
        Ok(())
    }
}

impl RustlsRing {
    fn step(&mut self, values: &mut [f32], step: Step) -> Result<(), Failure> {
        let send = ring::chunk(step.send, self.world, values.len());
        let receive = ring::chunk(step.receive, self.world, values.len());
        let (out, into) = ring::split(values, &send, &receive);
        let (next, before) = (&mut self.next, &mut self.before);
        if size_of_val(out) <= INLINE {
            next.write_all(ring::bytes(out))?;
            next.flush()?;
            return Ok(read(before, into, step.add)?);
        }
        let received = thread::scope(|scope| {
            let sent = scope.spawn(|| next.write_all(ring::bytes(out)).and_then(|()| next.flush()));
            read(before, into, step.add)?;
            sent.join().unwrap_or_else(|_| Err(std::io::Error::other("the sender panicked")))
        });
        Ok(received?)
    }
}

fn read(from: &mut impl Read, into: &mut [f32], add: bool) -> std::io::Result<()> {
    let (mut piece, mut at) = ([0; PIECE], 0);
    let length = size_of_val(into);
    while at < length {
        let wanted = PIECE.min(length - at);
        from.read_exact(&mut piece[..wanted])?;
        ring::take_in(into, at, &piece[..wanted], add);
        at += wanted;
    }
    Ok(())
}
