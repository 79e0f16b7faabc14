//! Reading files that hold keys: bounded, and only if nobody else can get at them.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use zeroize::Zeroizing;

use super::{CredentialsError, FILE_BYTES_MAX};

/// Reads a certificate.
pub(super) fn read_public(variable: &'static str, path: &str) -> Result<Vec<u8>, CredentialsError> {
    read(variable, path, false).map(|bytes| bytes.to_vec())
}

/// Reads a secret or a private key: refused if all users can read or change it.
pub(super) fn read_private(
    variable: &'static str,
    path: &str,
) -> Result<Zeroizing<Vec<u8>>, CredentialsError> {
    read(variable, path, true)
}

fn read(
    variable: &'static str,
    path: &str,
    private: bool,
) -> Result<Zeroizing<Vec<u8>>, CredentialsError> {
    let unreadable =
        |cause: String| CredentialsError::Unreadable { variable, path: PathBuf::from(path), cause };
    let failed = |error: io::Error| unreadable(explain(&error));
    // Asked before opening, because opening a pipe would wait for its writer.
    if !std::fs::metadata(path).map_err(failed)?.is_file() {
        return Err(unreadable("it is not a regular file".to_owned()));
    }
    let file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    let mode = metadata.permissions().mode() & 0o7777;
    if private && mode & 0o007 != 0 {
        return Err(CredentialsError::Exposed { variable, path: PathBuf::from(path), mode });
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(metadata.len().min(FILE_BYTES_MAX) as usize));
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(failed)?;
    match bytes.len() as u64 {
        0 => Err(unreadable("it is empty".to_owned())),
        length if length > FILE_BYTES_MAX => Err(unreadable("it is longer than 64 KiB".to_owned())),
        _ => Ok(bytes),
    }
}

fn explain(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file: make it with `sealane keys`".to_owned(),
        io::ErrorKind::PermissionDenied => {
            "permission denied: it must belong to the user that runs the job".to_owned()
        }
        _ => error.to_string(),
    }
}
