//! The `sealane` binary: measure, launch, make keys. `sealane --help` says more.
#![forbid(unsafe_code)]

#[cfg(sealane_null_seal)]
compile_error!("a build that seals nothing is for benches alone");

mod cli;

fn main() -> std::process::ExitCode {
    cli::main()
}
