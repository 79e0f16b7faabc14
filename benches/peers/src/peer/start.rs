//! Starting peers, or saying why one cannot be.

use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::Peer;
use super::tunnel::Tunnel;
use crate::Failure;
use crate::control::gather;
use crate::options::Kind;
use crate::place::{Pair, Place, check};

/// What all peers of a run share.
pub struct Bench<'a> {
    /// Sockets, programs, certificate and key.
    pub folder: &'a Path,
    pub place: &'a Place,
    pub ranks: usize,
    pub python: &'a Path,
    /// Programs that are missing may be installed.
    pub install: bool,
}

/// Starts a peer.
///
/// # Errors
///
/// Why it is skipped.
pub fn start(bench: &Bench<'_>, kind: Kind) -> Result<Peer, Failure> {
    match kind {
        Kind::Sealane | Kind::Rustls | Kind::Quinn => {
            let name = match kind {
                Kind::Sealane => "sealane (AES-256-GCM)",
                Kind::Rustls => "TLS ring (rustls)",
                _ => "QUIC ring (quinn)",
            };
            own(bench, kind, name, &std::env::current_exe()?)
        }
        Kind::NullSeal => own(bench, kind, "sealane, null seal", &null_seal()?),
        Kind::Gloo => gloo(bench, None),
        Kind::OpenMpi => open_mpi(bench),
        Kind::WireGuard => {
            if bench.ranks != 2 {
                return Err("the tunnel joins two ranks".into());
            }
            let tunnel = Tunnel::new(Pair::new("tunnel")?, bench.install)?;
            gloo(bench, Some(tunnel))
        }
    }
}

/// A build of this program whose packets are copied instead of sealed: see ARCHITECTURE, benches.
fn null_seal() -> Result<PathBuf, Failure> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let target = root.join("target/null-seal");
    let mut build = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    build
        .current_dir(&root)
        .args(["build", "--release", "--quiet", "-p", "sealane-peers", "--target-dir"])
        .arg(&target)
        .env("RUSTFLAGS", "--cfg sealane_null_seal");
    check(&mut build, "building the null-seal twin")?;
    Ok(target.join("release/sealane-peers"))
}

fn own(bench: &Bench<'_>, kind: Kind, name: &str, program: &Path) -> Result<Peer, Failure> {
    let (listener, control) = listen(bench, name)?;
    let addresses: Vec<String> =
        bench.place.addresses(bench.ranks)?.iter().map(ToString::to_string).collect();
    let word = match kind {
        Kind::Rustls => "rustls",
        Kind::Quinn => "quinn",
        _ => "sealane",
    };
    let children = spawn(bench.ranks, |rank| {
        let mut command = bench.place.command(rank, program);
        command.args(["rank", word, "--rank", &rank.to_string()]);
        command.args(["--addresses", &addresses.join(",")]);
        command.arg("--control").arg(&control).arg("--identity").arg(bench.folder);
        command
    })?;
    ready(bench, kind, name, listener, children, None)
}

fn gloo(bench: &Bench<'_>, tunnel: Option<Tunnel>) -> Result<Peer, Failure> {
    let place = tunnel.as_ref().map_or(bench.place, Tunnel::place);
    let kind = if tunnel.is_some() { Kind::WireGuard } else { Kind::Gloo };
    check(Command::new(bench.python).args(["-c", "import torch"]), "no PyTorch")?;
    let script = bench.folder.join("gloo_rank.py");
    std::fs::write(&script, include_str!("../../programs/gloo_rank.py"))?;
    let name = if tunnel.is_some() { "Gloo through WireGuard" } else { "Gloo (plaintext)" };
    let (listener, control) = listen(bench, name)?;
    let port = place.addresses(1)?[0].port().to_string();
    let master = tunnel.as_ref().map_or(place.address(0), |tunnel| tunnel.address(0));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = (cores / bench.ranks).max(1).to_string();
    let children = spawn(bench.ranks, |rank| {
        let mut command = place.command(rank, bench.python);
        command.arg(&script).arg(&control).args([&rank.to_string(), &bench.ranks.to_string()]);
        command.args([&master.to_string(), &port, &threads]);
        if let Some(tunnel) = &tunnel {
            command.env("GLOO_SOCKET_IFNAME", tunnel.card(rank));
        } else if matches!(place, Place::Loopback) {
            command.env("GLOO_SOCKET_IFNAME", "lo");
        }
        command
    })?;
    ready(bench, kind, name, listener, children, tunnel)
}

fn open_mpi(bench: &Bench<'_>) -> Result<Peer, Failure> {
    if matches!(bench.place, Place::Pair(_)) {
        return Err("mpirun does not start ranks in namespaces".into());
    }
    let source = bench.folder.join("open_mpi_rank.c");
    let program = bench.folder.join("open_mpi_rank");
    std::fs::write(&source, include_str!("../../programs/open_mpi_rank.c"))?;
    let mut compile = Command::new("mpicc");
    compile.args(["-O2", "-o"]).arg(&program).arg(&source);
    check(&mut compile, "compiling with mpicc (Debian: openmpi-bin libopenmpi-dev)")?;
    let (listener, control) = listen(bench, "mpi")?;
    let children = spawn(1, |_| {
        let mut command = Command::new("mpirun");
        command.args(["--allow-run-as-root", "--oversubscribe", "-np", &bench.ranks.to_string()]);
        command.args(["--mca", "btl", "tcp,self", "--mca", "btl_tcp_if_include", "lo"]);
        command.arg(&program).arg(&control);
        command
    })?;
    ready(bench, Kind::OpenMpi, "Open MPI (TCP, plaintext)", listener, children, None)
}

fn listen(bench: &Bench<'_>, name: &str) -> Result<(UnixListener, PathBuf), Failure> {
    let short: String = name.chars().filter(char::is_ascii_alphanumeric).take(24).collect();
    let path = bench.folder.join(short);
    // An earlier number of ranks may have left one.
    let _ = std::fs::remove_file(&path);
    Ok((UnixListener::bind(&path)?, path))
}

fn spawn(count: usize, command: impl Fn(usize) -> Command) -> Result<Vec<Child>, Failure> {
    let mut children = Vec::new();
    for rank in 0..count {
        let mut command = command(rank);
        let program = command.get_program().to_string_lossy().into_owned();
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn();
        children.push(child.map_err(|error| format!("{program}: {error}"))?);
    }
    Ok(children)
}

fn ready(
    bench: &Bench<'_>,
    kind: Kind,
    name: &str,
    listener: UnixListener,
    mut children: Vec<Child>,
    tunnel: Option<Tunnel>,
) -> Result<Peer, Failure> {
    match gather(&listener, bench.ranks, &mut children) {
        Ok((lines, version)) => {
            Ok(Peer { kind, name: format!("{name}, {version}"), lines, children, tunnel })
        }
        Err(failure) => {
            drop(Peer { kind, name: String::new(), lines: Vec::new(), children, tunnel });
            Err(failure)
        }
    }
}
