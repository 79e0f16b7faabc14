//! The local socket: HTTP/1.0 for `curl`, Prometheus and `sealane status`.

use std::fs::Permissions;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::Duration;

use super::{Address, METRICS, prometheus, registry};
use crate::error::Error;

/// How long a client may take to ask, and to read.
const PATIENCE: Duration = Duration::from_secs(2);

/// The longest request, headers included.
const REQUEST_MAX: u64 = 8 << 10;

/// Listens at an address, in a thread that lives as long as the process.
pub(super) fn start(address: &Address) -> Result<(), Error> {
    let cannot = |error: std::io::Error| {
        Error::Argument(format!("{METRICS}: cannot listen at {address}: {error}"))
    };
    let thread = std::thread::Builder::new().name("sealane-metrics".to_owned());
    match address {
        Address::Unix(path) => {
            // What a process before us has left behind; one that lives is not silently replaced.
            if UnixStream::connect(path).is_err() {
                let _ = std::fs::remove_file(path);
            }
            let listener = UnixListener::bind(path).map_err(cannot)?;
            // Whoever runs the job may ask, and nobody else.
            std::fs::set_permissions(path, Permissions::from_mode(0o600)).map_err(cannot)?;
            thread.spawn(move || serve(listener.incoming()))
        }
        Address::Tcp(address) => {
            let listener = TcpListener::bind(address).map_err(cannot)?;
            thread.spawn(move || serve(listener.incoming()))
        }
    }
    .map(drop)
    .map_err(cannot)
}

/// A connection, with its deadlines.
trait Client: Read + Write {
    fn hurry(&self) -> std::io::Result<()>;
}

impl Client for UnixStream {
    fn hurry(&self) -> std::io::Result<()> {
        self.set_read_timeout(Some(PATIENCE)).and_then(|()| self.set_write_timeout(Some(PATIENCE)))
    }
}

impl Client for TcpStream {
    fn hurry(&self) -> std::io::Result<()> {
        self.set_read_timeout(Some(PATIENCE)).and_then(|()| self.set_write_timeout(Some(PATIENCE)))
    }
}

/// One after another: who asks is on this host, and answers take a moment.
fn serve<C: Client>(clients: impl Iterator<Item = std::io::Result<C>>) {
    for mut client in clients.flatten() {
        // A client that went away has lost interest.
        let _ = client.hurry().and_then(|()| answer(&mut client));
    }
}

/// Reads a request and answers it. A client that is slow or makes no sense costs a moment.
fn answer(client: &mut (impl Read + Write)) -> std::io::Result<()> {
    let mut input = BufReader::new(Read::by_ref(client).take(REQUEST_MAX));
    let mut line = String::new();
    input.read_line(&mut line)?;
    // Headers are read and passed over: a connection that is closed with something unread is reset.
    let mut header = String::new();
    while input.read_line(&mut header)? > 2 {
        header.clear();
    }
    let mut words = line.split_whitespace();
    let (status, kind, body) = match (words.next(), words.next()) {
        (Some("GET"), Some("/metrics")) => {
            ("200 OK", "text/plain; version=0.0.4", prometheus::text(&registry::metrics()))
        }
        (Some("GET"), Some("/status" | "/")) => ("200 OK", "text/plain", registry::status()),
        _ => ("404 Not Found", "text/plain", "ask for /metrics or /status\n".to_owned()),
    };
    let length = body.len();
    write!(
        client,
        "HTTP/1.0 {status}\r\nContent-Type: {kind}; charset=utf-8\r\nContent-Length: {length}\r\n\r\n{body}"
    )?;
    client.flush()
}
