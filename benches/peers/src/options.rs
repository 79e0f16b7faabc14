//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Measures Sealane beside what people use instead.
#[derive(Debug, Parser)]
pub struct Options {
    #[command(subcommand)]
    pub command: Option<Command>,
    /// How many ranks; several are measured one after another.
    #[arg(long, value_delimiter = ',', default_value = "2,4")]
    pub ranks: Vec<usize>,
    /// All-reduce sizes in bytes; the default is 8 B to 128 MiB by factors of 8, and 256 MiB.
    #[arg(long, value_delimiter = ',')]
    pub sizes: Vec<usize>,
    /// Rounds, in each of which every peer has its turn.
    #[arg(long, default_value_t = 7)]
    pub pairs: usize,
    /// Milliseconds that one turn at one size should take.
    #[arg(long, default_value_t = 150)]
    pub slice: u64,
    /// Whom to measure; all by default.
    #[arg(long, value_delimiter = ',', value_enum)]
    pub peers: Vec<Kind>,
    /// A Python that has PyTorch.
    #[arg(long, default_value = "python3")]
    pub python: PathBuf,
    /// Installs boringtun from crates.io if it is missing.
    #[arg(long)]
    pub install: bool,
    /// Shares of packets that the kernel drops between two namespaces, such as 0.0001,0.001,0.01;
    /// replaces the loopback tables. Needs root, `ip` and `nft`.
    #[arg(long, value_delimiter = ',')]
    pub loss: Vec<f64>,
    /// Where the page, CSV, JSON and SVG files go.
    #[arg(long, default_value = "target/peers")]
    pub out: PathBuf,
}

/// What the harness starts besides itself.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// One rank of one peer, which takes orders; started by the harness.
    #[command(hide = true)]
    Rank(Rank),
}

/// Who is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// This library.
    Sealane,
    /// This library with a copy in place of the cipher: what encryption costs.
    NullSeal,
    /// PyTorch's Gloo, plaintext TCP.
    Gloo,
    /// Open MPI, plaintext TCP.
    OpenMpi,
    /// A ring over TLS 1.3 streams.
    Rustls,
    /// A ring over QUIC streams.
    Quinn,
    /// Gloo through a userspace WireGuard tunnel between two namespaces.
    WireGuard,
}

/// One rank of one peer.
#[derive(Debug, Args)]
pub struct Rank {
    #[arg(value_enum)]
    pub kind: Kind,
    /// Our rank.
    #[arg(long)]
    pub rank: usize,
    /// Where each rank listens.
    #[arg(long, value_delimiter = ',')]
    pub addresses: Vec<SocketAddr>,
    /// The socket on which orders come.
    #[arg(long)]
    pub control: PathBuf,
    /// A folder with `certificate.der`, `key.der` and Sealane's `secret`.
    #[arg(long)]
    pub identity: PathBuf,
}

impl Options {
    /// The all-reduce sizes.
    pub fn sizes(&self) -> Vec<usize> {
        if !self.sizes.is_empty() {
            return self.sizes.clone();
        }
        (1..=9).map(|power| 8_usize.pow(power)).chain([256 << 20]).collect()
    }

    /// Whether `kind` is to be measured.
    pub fn wants(&self, kind: Kind) -> bool {
        self.peers.is_empty() || self.peers.contains(&kind)
    }
}
