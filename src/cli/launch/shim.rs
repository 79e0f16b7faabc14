//! The step between the launcher and the program: asks the kernel to end this process when the
//! launcher ends, then becomes the program. So no rank outlives a launcher that was killed.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::Command;

use clap::Args;
use rustix::process::{Signal, getppid, set_parent_process_death_signal};

use crate::cli::Failure;

/// The hidden subcommand's name.
pub const NAME: &str = "exec-rank";

/// Options of the hidden subcommand.
#[derive(Debug, Args)]
pub struct Shim {
    /// The launcher's process id.
    #[arg(long)]
    parent: u32,
    /// The program and its arguments.
    #[arg(trailing_var_arg = true, required = true)]
    command: Vec<OsString>,
}

/// Becomes the program; returns only if that fails.
///
/// # Errors
///
/// [`Failure::Runtime`] when the program cannot be started or the launcher is gone.
pub fn run(shim: Shim) -> Result<u8, Failure> {
    set_parent_process_death_signal(Some(Signal::KILL))
        .map_err(|error| Failure::Runtime(format!("prctl(PR_SET_PDEATHSIG): {error}")))?;
    // The launcher may have ended before the kernel was asked.
    let parent = getppid().map(|pid| pid.as_raw_nonzero().get().unsigned_abs());
    if parent != Some(shim.parent) {
        return Err(Failure::Runtime("the launcher has ended".to_owned()));
    }
    let Some((program, arguments)) = shim.command.split_first() else {
        return Err(Failure::Usage("no program".to_owned()));
    };
    let error = Command::new(program).args(arguments).exec();
    Err(Failure::Runtime(format!("cannot run {}: {error}", program.display())))
}
