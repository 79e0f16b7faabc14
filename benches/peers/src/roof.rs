//! What is measured besides peers: the roof (bare sealing and bare UDP, no protocol) and iperf3.

use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use crate::Failure;
use crate::cipher::Suite;
use crate::control::{Order, Task};
use crate::exchange::{Case, Direction, measure};
use crate::peer::Outcome;
use crate::wire::Backend;

/// Payload of the roof's packets: what Sealane's are on loopback.
const PACKET: usize = 65_000;
/// The least that one measurement moves.
const BYTES_MIN: usize = 64 << 20;

/// The roof for one order: the time that moving its bytes takes at the least.
pub fn roof(suite: Suite, order: &Order) -> Result<Outcome, Failure> {
    let direction = match order.task {
        Task::AllReduce => Direction::Exchange,
        Task::Stream => Direction::OneWay,
    };
    let bytes = order.bytes.max(BYTES_MIN);
    let case = Case { packet: PACKET, suite, direction, backend: Backend::Bare, bytes };
    let rate = measure(&case).ok_or("the bare wire lost a datagram")?;
    // A two-rank all-reduce moves its bytes once each way.
    Ok(outcome(order, rate))
}

fn outcome(order: &Order, rate: f64) -> Outcome {
    Outcome { seconds: order.bytes as f64 / rate / 1e9, nanos: Vec::new(), cpu: f64::NAN }
}

/// iperf3's server; a client is started for every turn.
pub struct Iperf {
    server: Child,
    port: String,
    pub version: String,
}

impl Iperf {
    pub fn start() -> Result<Self, Failure> {
        let output = Command::new("iperf3").arg("--version").output();
        let output = output.map_err(|error| format!("iperf3: {error} (Debian: iperf3)"))?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let version = text.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
        let port = std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port().to_string();
        let mut server = Command::new("iperf3");
        server.args(["-s", "-B", "127.0.0.1", "-p", &port]);
        let server = server.stdin(Stdio::null()).stdout(Stdio::null()).spawn()?;
        sleep(Duration::from_millis(200));
        Ok(Self { server, port, version })
    }

    /// One stream of TCP, one way.
    pub fn turn(&self, order: &Order) -> Result<Outcome, Failure> {
        let bytes = (order.bytes * order.iterations).max(BYTES_MIN * 4).to_string();
        let mut client = Command::new("iperf3");
        client.args(["-c", "127.0.0.1", "-p", &self.port, "-n", &bytes, "-J"]);
        let output = client.output()?;
        let report: serde_json::Value = serde_json::from_slice(&output.stdout)?;
        let bits = report["end"]["sum_received"]["bits_per_second"].as_f64();
        Ok(outcome(order, bits.ok_or("iperf3 reported no rate")? / 8e9))
    }
}

impl Drop for Iperf {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
