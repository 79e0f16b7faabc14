//! A topology from a file: one node or cable a line; the second time of a cable is its jitter.
//!
//! ```text
//! # comment
//! hosts 4
//! switch tor0 tor1 spine
//! cable host0 tor0 100Gbps 1us
//! cable tor0 spine 400Gbps 500ns 20ns
//! ```

use std::collections::BTreeMap;

use crate::engine::{Bandwidth, Picos};
use crate::units;

use super::{Cable, Graph, NodeId};

/// What is wrong with a topology file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct GraphError {
    /// The line, from 1; 0 for what concerns the whole file.
    pub line: usize,
    /// What is wrong.
    pub problem: String,
}

/// Hosts of the largest topology that is accepted.
const HOSTS_MAX: u32 = 1 << 20;

/// Reads a topology.
///
/// # Errors
///
/// Says which line is wrong, and how.
pub fn parse(text: &str) -> Result<Graph, GraphError> {
    let mut graph = Graph::default();
    let mut names = BTreeMap::new();
    for (line, text) in (1..).zip(text.lines()) {
        let text = text.split('#').next().unwrap_or_default();
        let words: Vec<&str> = text.split_whitespace().collect();
        let wrong = |problem: String| GraphError { line, problem };
        match words.as_slice() {
            [] => {}
            ["hosts", count] => {
                let count = count.parse().ok().filter(|count| (1..=HOSTS_MAX).contains(count));
                graph.hosts = count.ok_or_else(|| {
                    wrong(format!("`hosts` takes a number from 1 to {HOSTS_MAX}"))
                })?;
            }
            ["switch", switches @ ..] => {
                for name in switches {
                    if names.insert((*name).to_owned(), graph.switches.len() as u32).is_some() {
                        return Err(wrong(format!("switch `{name}` is there already")));
                    }
                    graph.switches.push((*name).to_owned());
                }
            }
            ["cable", a, b, rate, delay, rest @ ..] if rest.len() < 2 => {
                let timing = (*delay, rest.first().copied());
                let cable = cable(&graph, &names, [a, b], rate, timing).map_err(wrong)?;
                graph.cables.push(cable);
            }
            [first, ..] => {
                return Err(wrong(format!(
                    "`{first}` is none of: hosts COUNT, switch NAME…, cable A B RATE DELAY [JITTER]"
                )));
            }
        }
    }
    check(&graph)?;
    Ok(graph)
}

fn cable(
    graph: &Graph,
    names: &BTreeMap<String, u32>,
    ends: [&str; 2],
    rate: &str,
    (delay, jitter): (&str, Option<&str>),
) -> Result<Cable, String> {
    let node = |name: &str| {
        if let Some(index) = names.get(name) {
            return Ok(NodeId(graph.hosts + index));
        }
        let host = name.strip_prefix("host").and_then(|digits| digits.parse().ok());
        host.filter(|host| *host < graph.hosts)
            .map(NodeId)
            .ok_or_else(|| format!("no node is named `{name}`"))
    };
    let [a, b] = ends;
    Ok(Cable {
        a: node(a)?,
        b: node(b)?,
        rate: Bandwidth::from_bps(units::rate(rate)?),
        delay: Picos(units::time(delay)?),
        jitter: Picos(jitter.map_or(Ok(0), units::time)?),
        queue: None,
    })
}

/// Every host has one cable.
fn check(graph: &Graph) -> Result<(), GraphError> {
    let wrong = |problem: String| Err(GraphError { line: 0, problem });
    if graph.hosts < 2 {
        return wrong("a topology has at least `hosts 2`".to_owned());
    }
    let mut cables = vec![0_u32; graph.hosts as usize];
    for end in graph.cables.iter().flat_map(|cable| [cable.a, cable.b]) {
        if let Some(count) = cables.get_mut(end.0 as usize) {
            *count += 1;
        }
    }
    match cables.iter().position(|count| *count != 1) {
        Some(host) => wrong(format!("host{host} has {} cables, not 1", cables[host])),
        None => Ok(()),
    }
}
