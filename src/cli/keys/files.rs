//! Writing keys: for the owner's eyes only, and never over a file by accident.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use zeroize::Zeroizing;

use crate::cli::Failure;

/// Writes a secret or a private key, mode 0600.
pub(super) fn write_private(path: &Path, content: &[u8], force: bool) -> Result<(), Failure> {
    write(path, content, 0o600, force)
}

/// Writes a certificate, mode 0644.
pub(super) fn write_public(path: &Path, content: &[u8], force: bool) -> Result<(), Failure> {
    write(path, content, 0o644, force)
}

/// Refuses before anything is made, so that a half-replaced pair never comes about.
pub(super) fn refuse_existing(paths: &[&Path], force: bool) -> Result<(), Failure> {
    match paths.iter().find(|path| !force && path.symlink_metadata().is_ok()) {
        Some(path) => Err(exists(path)),
        None => Ok(()),
    }
}

fn write(path: &Path, content: &[u8], mode: u32, force: bool) -> Result<(), Failure> {
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::AlreadyExists => exists(path),
        _ => Failure::Runtime(format!("cannot write {}: {error}", path.display())),
    };
    if force {
        // A new file, and not the old one's content replaced: its mode may have been another.
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
    }
    let mut file =
        OpenOptions::new().write(true).create_new(true).mode(mode).open(path).map_err(failed)?;
    file.write_all(content).and_then(|()| file.sync_all()).map_err(failed)
}

fn exists(path: &Path) -> Failure {
    Failure::Runtime(format!(
        "{} exists already: name another file, or replace it with --force",
        path.display()
    ))
}

/// Reads a PEM file, wiped from memory when dropped.
pub(super) fn read_text(path: &Path) -> Result<Zeroizing<String>, Failure> {
    fs::read_to_string(path).map(Zeroizing::new).map_err(|error| {
        let remedy = match error.kind() {
            io::ErrorKind::NotFound => " (make an authority with `sealane keys ca`)",
            _ => "",
        };
        Failure::Runtime(format!("cannot read {}: {error}{remedy}", path.display()))
    })
}
