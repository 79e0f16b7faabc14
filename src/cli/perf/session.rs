//! A run as one of the ranks.

use std::fs::File;
use std::io::Write;

use half::{bf16, f16};
use sealane::bootstrap::Launch;
use sealane::runtime::clock::Clock;
use sealane::{
    Bool, Builder, Communicator, Complex, Error, F8E4m3, F8E5m2, Rank, ReduceOp, Suite, local,
};
use serde::Serialize;

use super::carried::Carried;
use super::options::{Collective, Perf, Plan};
use super::pipeline::Flow;
use super::table::{self, Measured, Row, Summary};
use super::values::{Dtype, Op, Sample};
use super::workload::{Place, ROOT, Workload};
use super::{json, one_sided, table::heading};
use crate::cli::Failure;

/// What connects this rank to the others, as the header names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Link {
    /// The AEAD of the data plane.
    pub cipher: String,
    /// The library that seals with it.
    pub library: &'static str,
    /// The key-exchange group of the handshake.
    pub handshake: String,
    /// Five-tuples to a peer.
    pub paths: usize,
    /// Largest datagram payload known to pass, bytes.
    pub mtu: u16,
    /// What carries the packets.
    pub device: &'static str,
    /// Faults that were put in.
    pub faults: Option<String>,
}

/// Joins the job and runs `plans`; returns the exit status.
pub(super) fn run(perf: &Perf, plans: &[Plan]) -> Result<u8, Failure> {
    let launch = Launch::detect(&|name| std::env::var(name).ok()).map_err(|error| {
        Failure::Usage(format!("{error}; or give -n RANKS to start local ranks"))
    })?;
    if let Some(ranks) = perf.ranks.filter(|ranks| *ranks != launch.world) {
        return Err(Failure::Usage(format!(
            "-n {ranks}, but {} started {} ranks: leave -n out",
            launch.launcher, launch.world
        )));
    }
    let rank = launch.rank;
    let named = |error: Error| Failure::Runtime(format!("{rank}: {error}"));
    let file = perf.json.as_deref().filter(|_| rank == Rank(0)).map(json::create).transpose()?;
    let builder = Communicator::builder().launch(launch);
    let communicator = configure(perf, plans, rank, builder).connect().map_err(named)?;
    if let [plan] = plans
        && plan.collective.is_one_sided()
    {
        return one_sided::run(perf, plan, &communicator, perf.json.as_deref().zip(file));
    }
    let outcome = measure(perf, plans, &communicator).map_err(named)?;
    let status = outcome.report(perf, plans, file)?;
    communicator.close();
    Ok(status)
}

/// Runs `plans` by ranks that are threads of this process.
pub(super) fn run_threads(perf: &Perf, plans: &[Plan]) -> Result<u8, Failure> {
    let file = perf.json.as_deref().map(json::create).transpose()?;
    let outcomes = local::run_with(
        perf.ranks.unwrap_or(1),
        |rank, builder| configure(perf, plans, rank, builder),
        |communicator| measure(perf, plans, communicator),
    )?;
    match outcomes.into_iter().next() {
        Some(outcome) => outcome.report(perf, plans, file),
        None => Ok(0),
    }
}

/// What a run came to on one rank.
struct Outcome {
    ranks: u32,
    hosts: usize,
    link: Link,
    rows: Vec<Row>,
    carried: Carried,
}

impl Outcome {
    /// Writes the report, if it is wanted; returns the exit status.
    fn report(&self, perf: &Perf, plans: &[Plan], file: Option<File>) -> Result<u8, Failure> {
        let summary = Summary::of(&self.rows);
        if let (Some(path), Some(file), Some(plan)) = (&perf.json, file, plans.first()) {
            let report = json::Report {
                version: env!("CARGO_PKG_VERSION"),
                collective: plan.collective,
                ranks: self.ranks,
                hosts: self.hosts,
                warmup: perf.warmup,
                iters: perf.iters,
                link: &self.link,
                rows: &self.rows,
                summary,
                rank_0: &self.carried,
            };
            json::write(path, file, &report)?;
        }
        Ok(u8::from(summary.out_of_bounds > 0))
    }
}

/// Measures everything, and prints it on rank 0.
fn measure(perf: &Perf, plans: &[Plan], communicator: &Communicator) -> Result<Outcome, Error> {
    let (mut link, mut rows) = (None, Vec::new());
    let clock = Clock::start();
    for plan in plans {
        let mut run = Run { perf, plan, communicator, clock };
        let (found, some) = run.all()?;
        link.get_or_insert(found);
        rows.extend(some);
    }
    let Some(plan) = plans.first() else {
        return Err(Error::Argument("nothing to measure".to_owned()));
    };
    let run = Run { perf, plan, communicator, clock };
    run.print(&Summary::of(&rows).footer());
    let carried = Carried::new(&communicator.stats(), communicator.injected_faults());
    run.print(&carried.lines());
    let link = link.unwrap_or_else(|| run.link());
    let (ranks, hosts) = (communicator.size(), communicator.hosts());
    Ok(Outcome { ranks, hosts, link, rows, carried })
}

/// The communicator's settings, as the options have them.
fn configure(perf: &Perf, plans: &[Plan], rank: Rank, builder: Builder) -> Builder {
    let mut builder = builder.paths(perf.paths).operation_timeout(perf.timeout());
    if let Some(device) = &perf.device {
        builder = builder.device(device.clone());
    }
    if let Some(suite) = perf.suite {
        builder = builder.suites(vec![suite]);
    }
    if let Some(algorithms) = plans.first().and_then(|plan| plan.algorithms.as_ref()) {
        builder = builder.algorithms(algorithms.clone());
    }
    if let Some((faults, seed)) = perf.injection(rank.0) {
        builder = builder.faults(faults, seed);
    }
    builder
}

pub(super) struct Run<'a> {
    pub perf: &'a Perf,
    pub plan: &'a Plan,
    pub communicator: &'a Communicator,
    pub clock: Clock,
}

impl Run<'_> {
    /// Rank 0 speaks for all.
    pub(super) fn print(&self, text: &str) {
        if self.communicator.rank() == Rank(0) {
            let mut out = std::io::stdout().lock();
            // A reader that closes the pipe (`| head`) has seen enough.
            let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
        }
    }

    fn all(&mut self) -> Result<(Link, Vec<Row>), Error> {
        self.communicator.barrier()?;
        let mut link = None;
        let mut rows = Vec::new();
        for (dtype, op) in &self.plan.kinds {
            let some = match dtype {
                Dtype::I8 => self.kind::<i8>(*dtype, *op, &mut link),
                Dtype::U8 => self.kind::<u8>(*dtype, *op, &mut link),
                Dtype::I16 => self.kind::<i16>(*dtype, *op, &mut link),
                Dtype::U16 => self.kind::<u16>(*dtype, *op, &mut link),
                Dtype::I32 => self.kind::<i32>(*dtype, *op, &mut link),
                Dtype::U32 => self.kind::<u32>(*dtype, *op, &mut link),
                Dtype::I64 => self.kind::<i64>(*dtype, *op, &mut link),
                Dtype::U64 => self.kind::<u64>(*dtype, *op, &mut link),
                Dtype::F16 => self.kind::<f16>(*dtype, *op, &mut link),
                Dtype::F32 => self.kind::<f32>(*dtype, *op, &mut link),
                Dtype::F64 => self.kind::<f64>(*dtype, *op, &mut link),
                Dtype::Bf16 => self.kind::<bf16>(*dtype, *op, &mut link),
                Dtype::Bool => self.kind::<Bool>(*dtype, *op, &mut link),
                Dtype::F8E4m3 => self.kind::<F8E4m3>(*dtype, *op, &mut link),
                Dtype::F8E5m2 => self.kind::<F8E5m2>(*dtype, *op, &mut link),
                Dtype::Complex64 => self.kind::<Complex<f32>>(*dtype, *op, &mut link),
                Dtype::Complex128 => self.kind::<Complex<f64>>(*dtype, *op, &mut link),
            };
            rows.extend(some?);
        }
        Ok((link.unwrap_or_else(|| self.link()), rows))
    }

    /// All sizes of one element type and operation.
    fn kind<T: Sample>(
        &mut self,
        dtype: Dtype,
        op: Op,
        link: &mut Option<Link>,
    ) -> Result<Vec<Row>, Error> {
        let collective = self.plan.collective;
        let blocks = if collective.has_blocks() { self.communicator.size() as usize } else { 1 };
        let count_of = |size: u64| size as usize / size_of::<T>() / blocks * blocks;
        let largest = self.plan.sizes.iter().copied().max().map_or(0, count_of);
        let smallest = self.plan.sizes.iter().copied().min().map_or(0, count_of);
        let mut workload = Workload::<T>::new(self.communicator, collective, op, largest)?;
        for count in [largest, smallest] {
            for iteration in 0..self.perf.warmup {
                workload.run(Place::Out, count, iteration)?;
            }
        }
        if link.is_none() {
            // After the warm-up sessions stand and the path MTU is found.
            let found = self.link();
            self.print(&self.header(&found));
            *link = Some(found);
        }
        let mut rows = Vec::new();
        for size in &self.plan.sizes {
            let count = count_of(*size);
            let row = Row {
                collective: collective.name(),
                size: (count * size_of::<T>()) as u64,
                count: (count / blocks) as u64,
                dtype: if collective == Collective::Barrier { "none" } else { dtype.name() },
                redop: if collective.reduces() { op.name() } else { "none" },
                root: if collective.has_root() { i64::from(ROOT.0) } else { -1 },
                out_of_place: self.measure(&mut workload, Place::Out, count)?,
                in_place: self.measure(&mut workload, Place::In, count)?,
            };
            self.print(&table::line(&row));
            rows.push(row);
        }
        Ok(rows)
    }

    fn measure<T: Sample>(
        &mut self,
        workload: &mut Workload<'_, T>,
        place: Place,
        count: usize,
    ) -> Result<Measured, Error> {
        workload.run(place, count, 0)?;
        self.communicator.barrier()?;
        let from = self.clock.now();
        let mut operations = f64::from(self.perf.iters);
        match self.perf.flow() {
            None => {
                for iteration in 0..self.perf.iters {
                    workload.run(place, count, iteration)?;
                }
            }
            Some(flow) => {
                let batches = (self.perf.iters as usize).div_ceil(flow.group);
                operations = (batches * flow.group) as f64;
                workload.stream(place, count, flow, batches)?;
            }
        }
        let elapsed = self.clock.now().since(from).as_secs_f64() / operations;
        let mut seconds = [elapsed];
        self.communicator.all_reduce(&mut seconds, ReduceOp::Average)?;
        let checked =
            self.perf.check > 0 && (place == Place::Out || self.plan.collective.has_in_place());
        let mut wrong = checked.then_some(0);
        for _ in 0..self.perf.check {
            if let Some(total) = &mut wrong {
                *total += workload.check(place, count)?;
            }
        }
        let bytes = (count * size_of::<T>()) as f64;
        let algbw = if seconds[0] > 0.0 { bytes / seconds[0] / 1e9 } else { 0.0 };
        Ok(Measured {
            time_us: seconds[0] * 1e6,
            algbw_gbps: algbw,
            busbw_gbps: algbw * self.plan.collective.bus_factor(self.communicator.size()),
            wrong,
        })
    }

    pub(super) fn link(&self) -> Link {
        let info = self.communicator.connected_peers().into_iter().next();
        let text = |text: &str| if text.is_empty() { "none" } else { text }.to_owned();
        let suite = info.as_ref().and_then(|info| info.suite);
        Link {
            cipher: text(suite.map_or("", Suite::name)),
            library: suite.map_or("nothing", Suite::library),
            handshake: text(info.as_ref().map_or("", |info| info.group)),
            paths: info.as_ref().map_or(0, |info| info.paths),
            mtu: info.as_ref().map_or(0, |info| info.mtu),
            device: self.communicator.device(),
            faults: self.perf.injection(0).map(|(faults, seed)| {
                format!(
                    "loss {} reorder {} duplicate {} corrupt {} seed {seed}",
                    faults.loss, faults.reorder, faults.duplicate, faults.corrupt
                )
            }),
        }
    }

    fn header(&self, link: &Link) -> String {
        self.heading(link) + &heading()
    }

    /// What is measured, and over what.
    pub(super) fn heading(&self, link: &Link) -> String {
        let (perf, plan) = (self.perf, self.plan);
        let name = plan.collective.name();
        let mut text = format!(
            "# sealane perf {name}, version {version}\n\
             # ranks {ranks} hosts {hosts} minBytes {min} maxBytes {max} step: {step} warmup iters: \
             {warmup} iters: {iters} validation: {check}\n\
             # cipher {cipher} by {library}, handshake {handshake}, paths {paths}, MTU {mtu}, device {device}\n",
            version = env!("CARGO_PKG_VERSION"),
            ranks = self.communicator.size(),
            hosts = self.communicator.hosts(),
            min = plan.sizes.first().copied().unwrap_or(0),
            max = plan.sizes.last().copied().unwrap_or(0),
            step = plan.step,
            warmup = perf.warmup,
            iters = perf.iters,
            check = perf.check,
            cipher = link.cipher,
            library = link.library,
            handshake = link.handshake,
            paths = link.paths,
            mtu = link.mtu,
            device = link.device,
        );
        if let Some(Flow { depth, group }) = perf.flow() {
            text.push_str(&format!("# async {depth}, group {group}: time is of one operation\n"));
        }
        if let Some(faults) = &link.faults {
            text.push_str(&format!("# faults: {faults}\n"));
        }
        text
    }
}
