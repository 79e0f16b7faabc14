//! The run: start everybody, give orders in turn, print and write what came of it.

use std::path::Path;

use crate::Failure;
use crate::cipher::Suite;
use crate::contender::Contender;
use crate::control::{Order, Task};
use crate::options::{Kind, Options};
use crate::peer::{self, Bench, Outcome};
use crate::place::{Pair, Place};
use crate::roof::Iperf;
use crate::summary::{self, Figures};
use crate::{rank, report, table};

/// Iterations of one turn: enough for a mean, few enough for a report of one line.
const ITERATIONS: std::ops::RangeInclusive<usize> = 2..=4000;
const WARMUP: usize = 1;
const KINDS: [Kind; 7] = [
    Kind::Sealane,
    Kind::NullSeal,
    Kind::Gloo,
    Kind::OpenMpi,
    Kind::Rustls,
    Kind::Quinn,
    Kind::WireGuard,
];
/// Sizes of the one-way stream.
const STREAM: [usize; 2] = [1 << 20, 64 << 20];
/// The least size of the tables under loss.
const LOSS_BYTES: usize = 1 << 20;

/// One table.
pub struct Section {
    pub title: String,
    pub task: Task,
    pub ranks: usize,
    /// Share of packets that the kernel drops.
    pub loss: Option<f64>,
    pub rows: Vec<Row>,
    pub skipped: Vec<(String, String)>,
}

/// One peer of a table.
pub struct Row {
    pub name: String,
    pub ours: bool,
    pub figures: Vec<Figures>,
}

/// Measures everything that `options` ask for.
pub fn run(options: &Options) -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    certify(folder.path())?;
    std::fs::write(folder.path().join("secret"), random_hex()?)?;
    std::fs::create_dir_all(&options.out)?;
    let mut sections = Vec::new();
    if options.loss.is_empty() {
        for ranks in &options.ranks {
            sections.extend(loopback(options, folder.path(), *ranks)?);
        }
    } else {
        sections.extend(lossy(options, folder.path())?);
    }
    report::write(&options.out, options.pairs, &sections)?;
    eprintln!("written to {}", options.out.display());
    Ok(())
}

/// A job secret for this run alone.
fn random_hex() -> Result<String, Failure> {
    let mut bytes = [0; 32];
    aws_lc_rs::rand::fill(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// A certificate for those who listen, and its key.
fn certify(folder: &Path) -> Result<(), Failure> {
    let signed = rcgen::generate_simple_self_signed([rank::NAME.to_owned()])?;
    std::fs::write(folder.join("certificate.der"), signed.cert.der())?;
    std::fs::write(folder.join("key.der"), signed.signing_key.serialize_der())?;
    Ok(())
}

fn loopback(options: &Options, folder: &Path, ranks: usize) -> Result<Vec<Section>, Failure> {
    let place = Place::Loopback;
    let (mut contenders, skipped) = gather(options, folder, &place, ranks);
    let title = format!("all-reduce, f32 sum, {ranks} ranks on loopback");
    let sizes = options.sizes();
    let mut sections = vec![Section { title, ..section(Task::AllReduce, ranks, skipped) }];
    measure(options, &mut sections[0], &mut contenders, &sizes);
    if ranks == 2 {
        let title = "one way, rank 0 to rank 1, on loopback".to_owned();
        let mut stream = Section { title, ..section(Task::Stream, ranks, Vec::new()) };
        match Iperf::start() {
            Ok(iperf) => contenders.push(Contender::Iperf(iperf)),
            Err(why) => stream.skipped.push(("iperf3".to_owned(), why.to_string())),
        }
        measure(options, &mut stream, &mut contenders, &STREAM);
        sections.push(stream);
    }
    Ok(sections)
}

/// Between two namespaces, with and without packets dropped by the kernel.
fn lossy(options: &Options, folder: &Path) -> Result<Vec<Section>, Failure> {
    let place = Place::Pair(Pair::new("loss")?);
    let (mut contenders, skipped) = gather(options, folder, &place, 2);
    let sizes: Vec<usize> =
        options.sizes().into_iter().filter(|bytes| *bytes >= LOSS_BYTES).collect();
    let mut sections = Vec::new();
    for loss in [0.0].iter().chain(&options.loss) {
        if let Place::Pair(pair) = &place {
            pair.set_loss(*loss)?;
        }
        let title = format!(
            "all-reduce, f32 sum, 2 ranks in two namespaces, the kernel drops {} %",
            loss * 100.0
        );
        let skipped = if sections.is_empty() { skipped.clone() } else { Vec::new() };
        let section = section(Task::AllReduce, 2, skipped);
        let mut section = Section { title, loss: Some(*loss), ..section };
        measure(options, &mut section, &mut contenders, &sizes);
        sections.push(section);
    }
    // The ranks first, then the namespaces that they run in.
    drop(contenders);
    Ok(sections)
}

fn section(task: Task, ranks: usize, skipped: Vec<(String, String)>) -> Section {
    Section { title: String::new(), task, ranks, loss: None, rows: Vec::new(), skipped }
}

/// Starts whoever is wanted and can be; names the others.
fn gather(
    options: &Options,
    folder: &Path,
    place: &Place,
    ranks: usize,
) -> (Vec<Contender>, Vec<(String, String)>) {
    let (python, install) = (options.python.as_path(), options.install);
    let bench = Bench { folder, place, ranks, python, install };
    let (mut contenders, mut skipped) = (Vec::new(), Vec::new());
    for kind in KINDS.into_iter().filter(|kind| options.wants(*kind)) {
        eprintln!("starting {kind:?}, {ranks} ranks");
        match peer::start(&bench, kind) {
            Ok(peer) => contenders.push(Contender::Peer(peer)),
            Err(why) => skipped.push((format!("{kind:?}"), why.to_string())),
        }
    }
    if ranks == 2 && matches!(place, Place::Loopback) {
        contenders.extend([Suite::Aes256Gcm, Suite::Null].map(Contender::Roof));
    }
    (contenders, skipped)
}

/// All sizes of one table, which is printed at the end. Who fails is out, and named.
fn measure(
    options: &Options,
    section: &mut Section,
    contenders: &mut Vec<Contender>,
    sizes: &[usize],
) {
    section.rows = contenders.iter().map(row).collect();
    for bytes in sizes {
        eprintln!("{}: {bytes} bytes", section.title);
        let outcomes = rounds(options, section, contenders, *bytes);
        let ours = contenders.iter().position(Contender::is_ours).map(|at| outcomes[at].clone());
        let factor = match section.task {
            Task::AllReduce => 2.0 * (section.ranks - 1) as f64 / section.ranks as f64,
            Task::Stream => 1.0,
        };
        for (contender, outcomes) in contenders.iter().zip(&outcomes) {
            let Some(row) = section.rows.iter_mut().find(|row| row.name == contender.name()) else {
                continue;
            };
            if !outcomes.is_empty() {
                let ours = ours.as_deref().filter(|_| !row.ours);
                row.figures.push(summary::figures(*bytes, factor, outcomes, ours));
            }
        }
    }
    table::print(section);
}

fn row(contender: &Contender) -> Row {
    Row { name: contender.name(), ours: contender.is_ours(), figures: Vec::new() }
}

/// All rounds at one size: the outcomes of each contender, by round.
fn rounds(
    options: &Options,
    section: &mut Section,
    contenders: &mut Vec<Contender>,
    bytes: usize,
) -> Vec<Vec<Outcome>> {
    let task = section.task;
    let mut orders: Vec<Option<Order>> = vec![None; contenders.len()];
    let mut outcomes = vec![Vec::new(); contenders.len()];
    for round in 0..=options.pairs {
        let mut at = 0;
        while at < contenders.len() {
            if !contenders[at].covers(task, bytes) {
                at += 1;
                continue;
            }
            let first = Order { task, bytes, warmup: WARMUP, iterations: *ITERATIONS.start() };
            match contenders[at].turn(&orders[at].unwrap_or(first)) {
                // The first round only finds out how many iterations fill a slice.
                Ok(outcome) if round == 0 => {
                    orders[at] = Some(Order { iterations: fitting(options, &outcome), ..first });
                }
                Ok(outcome) => outcomes[at].push(outcome),
                Err(why) => {
                    let gone = contenders.remove(at);
                    orders.remove(at);
                    outcomes.remove(at);
                    section.skipped.push((gone.name(), format!("failed at {bytes} bytes: {why}")));
                    continue;
                }
            }
            at += 1;
        }
    }
    outcomes
}

fn fitting(options: &Options, outcome: &Outcome) -> usize {
    let wanted = options.slice as f64 / 1e3 / outcome.seconds.max(1e-9);
    (wanted as usize).clamp(*ITERATIONS.start(), *ITERATIONS.end())
}
