//! The `sealane` binary: measure, launch, make keys. `sealane --help` says more.
#![forbid(unsafe_code)]

mod cli;

fn main() -> std::process::ExitCode {
    cli::main()
}
