//! `sealane keys`: job secrets, authorities, certificates.

mod files;

#[cfg(test)]
mod tests;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use sealane::runtime::clock::unix_seconds;
use sealane_transport::Rank;
use sealane_transport::identity::{Authority, JobId};

use super::{Failure, secret};
use files::{write_private, write_public};

/// Subcommands of `sealane keys`.
#[derive(Debug, Subcommand)]
pub enum Keys {
    /// Make a job secret. All of its holders are trusted alike.
    Secret(Secret),
    /// Make an authority: ca.pem, and ca.key, which belongs on no host that runs the job.
    Ca(Ca),
    /// Certify ranks of a job: rank-R.pem and rank-R.key for each.
    Issue(Issue),
}

/// Options of `sealane keys secret`.
#[derive(Debug, Args)]
pub struct Secret {
    /// The file to write, readable by its owner alone [default: standard output].
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Replace the file if there is one.
    #[arg(long)]
    force: bool,
}

/// Options of `sealane keys ca`.
#[derive(Debug, Args)]
pub struct Ca {
    /// The directory to write to.
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    /// Days that the authority is valid.
    #[arg(long, value_name = "DAYS", default_value_t = 3650,
          value_parser = clap::value_parser!(u32).range(1..=36_500))]
    days: u32,
    /// Replace files that are there.
    #[arg(long)]
    force: bool,
}

/// Options of `sealane keys issue`.
#[derive(Debug, Args)]
pub struct Issue {
    /// The job that the certificates are for: 1 to 63 of a-z, 0-9 and -.
    #[arg(long, value_name = "J")]
    job: JobId,
    /// The rank, or ranks: 3, 0-7 or 0,2,4-5.
    #[arg(long, value_name = "R", value_parser = ranks)]
    rank: Ranks,
    /// The directory with ca.pem and ca.key; the certificates go there too.
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    /// Days that the certificates are valid.
    #[arg(long, value_name = "DAYS", default_value_t = 30,
          value_parser = clap::value_parser!(u32).range(1..=36_500))]
    days: u32,
    /// Replace files that are there.
    #[arg(long)]
    force: bool,
}

/// Ranks in the order given. A type of its own, because clap takes a bare vector for repetition.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Ranks(Vec<u32>);

/// The most certificates of one call.
const RANKS_MAX: usize = 65_536;

fn ranks(text: &str) -> Result<Ranks, String> {
    let number = |text: &str| {
        text.parse::<u32>().map_err(|_| format!("{text:?} is not a rank: give 3, 0-7 or 0,2,4-5"))
    };
    let mut ranks = Vec::new();
    for part in text.split(',') {
        let (from, to) = match part.split_once('-') {
            Some((from, to)) => (number(from)?, number(to)?),
            None => (number(part)?, number(part)?),
        };
        if from > to {
            return Err(format!("{part:?} counts downwards"));
        }
        if ranks.len() + (to - from) as usize >= RANKS_MAX {
            return Err(format!("more than {RANKS_MAX} ranks"));
        }
        ranks.extend(from..=to);
    }
    Ok(Ranks(ranks))
}

/// Runs `sealane keys`.
///
/// # Errors
///
/// [`Failure::Runtime`] when files cannot be read or written, or exist already.
pub fn run(keys: &Keys) -> Result<(), Failure> {
    match keys {
        Keys::Secret(options) => make_secret(options),
        Keys::Ca(options) => make_authority(options),
        Keys::Issue(options) => issue(options),
    }
}

fn make_secret(options: &Secret) -> Result<(), Failure> {
    let text = format!("{}\n", secret::generate()?);
    match &options.out {
        Some(path) => {
            write_private(path, text.as_bytes(), options.force)?;
            println!("{}: give it to all ranks as SEALANE_SECRET_FILE", path.display());
        }
        None => print!("{text}"),
    }
    Ok(())
}

fn make_authority(options: &Ca) -> Result<(), Failure> {
    let authority = Authority::generate(unix_seconds(), options.days)?;
    let issued = authority.to_pem();
    let (cert, key) = (options.dir.join("ca.pem"), options.dir.join("ca.key"));
    files::refuse_existing(&[&cert, &key], options.force)?;
    write_private(&key, issued.key.as_bytes(), options.force)?;
    write_public(&cert, issued.certificate.as_bytes(), options.force)?;
    println!("{}: give it to all ranks as SEALANE_CA", cert.display());
    println!("{}: keep it off the hosts that run the job", key.display());
    Ok(())
}

fn issue(options: &Issue) -> Result<(), Failure> {
    let cert = files::read_text(&options.dir.join("ca.pem"))?;
    let key = files::read_text(&options.dir.join("ca.key"))?;
    let authority = Authority::from_pem(&cert, &key)?;
    let path = |rank: u32, kind: &str| options.dir.join(format!("rank-{rank}.{kind}"));
    for rank in &options.rank.0 {
        files::refuse_existing(&[&path(*rank, "pem"), &path(*rank, "key")], options.force)?;
    }
    for rank in &options.rank.0 {
        let issued = authority.issue(&options.job, Rank(*rank), options.days, unix_seconds())?;
        write_private(&path(*rank, "key"), issued.key.as_bytes(), options.force)?;
        write_public(&path(*rank, "pem"), issued.certificate.as_bytes(), options.force)?;
    }
    println!(
        "{dir}/rank-N.pem, rank-N.key: give rank N its own as SEALANE_CERT and SEALANE_KEY \
         ({{rank}} in a path stands for the rank)",
        dir = options.dir.display()
    );
    Ok(())
}
