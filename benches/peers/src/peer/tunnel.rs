//! A WireGuard tunnel between two namespaces, in userspace: boringtun, from crates.io.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use aws_lc_rs::agreement::{PrivateKey, X25519};

use crate::Failure;
use crate::place::{Pair, Place, check, ip};

const PROGRAM: &str = "boringtun-cli";
const PORT: u16 = 51_820;

/// Both ends.
pub struct Tunnel {
    place: Place,
    children: Vec<Child>,
}

impl Tunnel {
    /// Starts and joins both ends.
    pub fn new(pair: Pair, install: bool) -> Result<Self, Failure> {
        let program = program(install)?;
        let namespaces = [0, 1].map(|rank| pair.name(rank).to_owned());
        let mut tunnel = Self { place: Place::Pair(pair), children: Vec::new() };
        let keys = [keys()?, keys()?];
        for (rank, namespace) in namespaces.iter().enumerate() {
            let mut command = tunnel.place.command(rank, &program);
            command.args(["--foreground", "--disable-drop-privileges", &tunnel.card(rank)]);
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            tunnel.children.push(command.spawn()?);
            tunnel.configure(rank, &keys[rank].0, &keys[1 - rank].1)?;
            let (card, address) = (tunnel.card(rank), format!("{}/24", tunnel.address(rank)));
            ip(&["-n", namespace, "address", "add", &address, "dev", &card])?;
            ip(&["-n", namespace, "link", "set", &card, "up"])?;
        }
        Ok(tunnel)
    }

    /// Where its ends are.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// The address of a rank inside.
    pub fn address(&self, rank: usize) -> IpAddr {
        Ipv4Addr::new(10, 78, 0, rank as u8 + 1).into()
    }

    /// The card of a rank.
    pub fn card(&self, rank: usize) -> String {
        format!("slwg{}{rank}", std::process::id() % 1_000_000)
    }

    /// Seconds of processor time that both ends have used.
    pub fn cpu(&self) -> f64 {
        let ticks = self.children.iter().filter_map(|child| {
            let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.id())).ok()?;
            let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
            let (user, system) = (fields.next()?, fields.next()?);
            Some(user.parse::<f64>().ok()? + system.parse::<f64>().ok()?)
        });
        ticks.sum::<f64>() / rustix::param::clock_ticks_per_second() as f64
    }

    /// Tells one end its key and who the other is (WireGuard's cross-platform interface).
    fn configure(&self, rank: usize, private: &str, other: &str) -> Result<(), Failure> {
        let path = format!("/var/run/wireguard/{}.sock", self.card(rank));
        let mut stream = patiently(|| UnixStream::connect(&path))?;
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        let (endpoint, inside) = (self.place.address(1 - rank), self.address(1 - rank));
        let text = format!(
            "set=1\nprivate_key={private}\nlisten_port={PORT}\npublic_key={other}\n\
             endpoint={endpoint}:{PORT}\nallowed_ip={inside}/32\n\n"
        );
        stream.write_all(text.as_bytes())?;
        let mut answer = [0; 64];
        let length = stream.read(&mut answer)?;
        if answer[..length].starts_with(b"errno=0") {
            return Ok(());
        }
        Err(format!("{PROGRAM}: {}", String::from_utf8_lossy(&answer[..length])).into())
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        for child in &mut self.children {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn patiently<T>(mut attempt: impl FnMut() -> std::io::Result<T>) -> std::io::Result<T> {
    for _ in 0..100 {
        if let Ok(value) = attempt() {
            return Ok(value);
        }
        sleep(Duration::from_millis(20));
    }
    attempt()
}

fn program(install: bool) -> Result<PathBuf, Failure> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| std::env::home_dir().map(|home| home.join(".cargo")));
    let installed = home.map(|home| home.join("bin").join(PROGRAM));
    if let Some(path) = installed.filter(|path| path.exists()) {
        return Ok(path);
    }
    if Command::new(PROGRAM).arg("--version").output().is_ok() {
        return Ok(PathBuf::from(PROGRAM));
    }
    if install {
        check(Command::new("cargo").args(["install", "--quiet", PROGRAM]), "cargo install")?;
        return program(false);
    }
    Err(format!("{PROGRAM} is not installed (cargo install {PROGRAM}, or --install)").into())
}

/// A private key and its public one, in hexadecimal.
fn keys() -> Result<(String, String), Failure> {
    let mut private = [0; 32];
    aws_lc_rs::rand::fill(&mut private)?;
    let public = PrivateKey::from_private_key(&X25519, &private)?.compute_public_key()?;
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok((hex(&private), hex(public.as_ref())))
}
