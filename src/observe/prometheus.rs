//! Counters as Prometheus' text (exposition format 0.0.4).

use std::fmt::Write;

use sealane_transport::path::Health;

use super::Metrics;

/// Samples by metric: the format wants all samples of a metric together, whoever they are of.
struct Family {
    name: &'static str,
    kind: &'static str,
    help: &'static str,
    samples: Vec<(String, f64)>,
}

/// A few names, each with its kind, its meaning, and where in the [`Metrics`] its samples are.
pub(super) fn text(all: &[(usize, Metrics)]) -> String {
    let mut families: Vec<Family> = Vec::new();
    for (communicator, metrics) in all {
        let labels = format!("communicator=\"{communicator}\",rank=\"{}\"", metrics.rank.0);
        endpoint(&mut families, &labels, metrics);
        collectives(&mut families, &labels, metrics);
        peers(&mut families, &labels, metrics);
    }
    let mut out = String::new();
    for Family { name, kind, help, samples } in families {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for (labels, value) in samples {
            let _ = writeln!(out, "{name}{{{labels}}} {value}");
        }
    }
    out
}

fn add(
    families: &mut Vec<Family>,
    (name, kind, help): (&'static str, &'static str, &'static str),
    labels: String,
    value: f64,
) {
    let at = families.iter().position(|family| family.name == name).unwrap_or_else(|| {
        families.push(Family { name, kind, help, samples: Vec::new() });
        families.len() - 1
    });
    families[at].samples.push((labels, value));
}

const COUNTER: &str = "counter";
const GAUGE: &str = "gauge";

fn endpoint(families: &mut Vec<Family>, labels: &str, metrics: &Metrics) {
    let stats = &metrics.endpoint;
    for (direction, packets, bytes) in [
        ("sent", stats.packets_sent, stats.bytes_sent),
        ("received", stats.packets_received, stats.bytes_received),
    ] {
        let labels = || format!("{labels},direction=\"{direction}\"");
        let name = ("sealane_packets_total", COUNTER, "Sealed packets");
        add(families, name, labels(), packets as f64);
        let name = ("sealane_bytes_total", COUNTER, "Bytes of sealed packets");
        add(families, name, labels(), bytes as f64);
    }
    for (name, value) in [
        (
            ("sealane_fragments_resent_total", COUNTER, "Fragments sent again"),
            stats.fragments_resent,
        ),
        (
            ("sealane_acks_sent_total", COUNTER, "Packets with nothing but an acknowledgement"),
            stats.acks_sent,
        ),
        (("sealane_keys_updated_total", COUNTER, "Sending keys replaced"), stats.keys_updated),
        (("sealane_peers_lost_total", COUNTER, "Peers lost"), stats.peers_lost),
    ] {
        add(families, name, labels.to_owned(), value as f64);
    }
    for (cause, packets) in stats.dropped.by_cause() {
        let name = ("sealane_dropped_packets_total", COUNTER, "Packets dropped, by cause");
        add(families, name, format!("{labels},cause=\"{cause}\""), packets as f64);
    }
}

fn collectives(families: &mut Vec<Family>, labels: &str, metrics: &Metrics) {
    let name = ("sealane_operations_running", GAUGE, "Collectives under way");
    add(families, name, labels.to_owned(), metrics.running as f64);
    for (collective, counters) in &metrics.collectives {
        let labels = || format!("{labels},collective=\"{collective}\"");
        for (name, value) in [
            (
                ("sealane_collectives_completed_total", COUNTER, "Calls that ended well"),
                counters.completed as f64,
            ),
            (
                ("sealane_collectives_failed_total", COUNTER, "Calls that did not"),
                counters.failed as f64,
            ),
            (
                (
                    "sealane_collective_bytes_total",
                    COUNTER,
                    "Bytes of the longest buffer of completed calls",
                ),
                counters.bytes as f64,
            ),
            (
                ("sealane_collective_seconds_total", COUNTER, "Time of completed calls"),
                counters.nanoseconds as f64 / 1e9,
            ),
        ] {
            add(families, name, labels(), value);
        }
    }
}

fn peers(families: &mut Vec<Family>, labels: &str, metrics: &Metrics) {
    for peer in &metrics.peers {
        let labels = format!("{labels},peer=\"{}\"", peer.rank.0);
        let counters = &peer.collectives;
        for (direction, messages, bytes) in [
            ("sent", counters.messages_sent, counters.bytes_sent),
            ("received", counters.messages_received, counters.bytes_received),
        ] {
            let labels = || format!("{labels},direction=\"{direction}\"");
            let name = ("sealane_peer_messages_total", COUNTER, "Messages of collectives");
            add(families, name, labels(), messages as f64);
            let name = ("sealane_peer_bytes_total", COUNTER, "Bytes of messages of collectives");
            add(families, name, labels(), bytes as f64);
        }
        let Some(session) = &peer.session else { continue };
        for (name, value) in [
            (
                ("sealane_peer_connected", GAUGE, "Whether a session stands"),
                f64::from(u8::from(session.connected)),
            ),
            (
                ("sealane_peer_rtt_seconds", GAUGE, "Smoothed round-trip time"),
                session.rtt.as_secs_f64(),
            ),
            (
                ("sealane_peer_in_flight_bytes", GAUGE, "Bytes that are not acknowledged yet"),
                session.in_flight as f64,
            ),
            (
                ("sealane_peer_mtu_bytes", GAUGE, "Largest payload of a datagram that passes"),
                f64::from(session.mtu),
            ),
            (
                ("sealane_peer_lost_packets_total", COUNTER, "Packets declared lost"),
                session.recovery.lost as f64,
            ),
            (
                ("sealane_peer_timeouts_total", COUNTER, "Probe timeouts of paths"),
                session.recovery.timeouts as f64,
            ),
        ] {
            add(families, name, labels.clone(), value);
        }
        for (index, path) in peer.paths.iter().enumerate() {
            let labels = format!("{labels},path=\"{index}\",remote=\"{}\"", path.remote);
            let usable = matches!(path.health, Health::Good | Health::Skip);
            for (name, value) in [
                (
                    ("sealane_path_usable", GAUGE, "Whether it may carry new packets"),
                    f64::from(u8::from(usable)),
                ),
                (
                    ("sealane_path_rtt_seconds", GAUGE, "Smoothed round-trip time of the path"),
                    path.rtt.as_secs_f64(),
                ),
                (
                    (
                        "sealane_path_answers_total",
                        COUNTER,
                        "Acknowledgements that named packets of the path",
                    ),
                    path.answers as f64,
                ),
                (
                    ("sealane_path_lost_packets_total", COUNTER, "Packets declared lost"),
                    path.lost as f64,
                ),
            ] {
                add(families, name, labels.clone(), value);
            }
        }
    }
}
