#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::*;

const TEXT: &str = "a secret of more than sixteen bytes";

fn load(variables: &[(&str, &str)]) -> Result<Credentials, CredentialsError> {
    Credentials::from_environment(Rank(0), &|name| {
        variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
    })
}

fn file(directory: &tempfile::TempDir, name: &str, content: &[u8], mode: u32) -> String {
    let path = directory.path().join(name);
    fs::write(&path, content).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_secret_comes_from_a_variable_or_a_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = file(&directory, "secret", format!("{TEXT}\n").as_bytes(), 0o600);
    for variables in [(SECRET, TEXT), (SECRET_FILE, path.as_str())] {
        let credentials = load(&[variables]).unwrap();
        assert!(!format!("{credentials:?}").contains("sixteen"), "secrets are not printed");
        let identity = credentials.identity(Rank(3), Some("job-a"), None, 1_800_000_000).unwrap();
        assert_eq!((identity.rank(), identity.job().to_string().as_str()), (Rank(3), "job-a"));
    }
}

#[test]
fn the_run_names_the_job_unless_the_user_does() {
    let credentials = load(&[(SECRET, TEXT)]).unwrap();
    let job = |job, run| {
        credentials.identity(Rank(0), job, run, 1_800_000_000).unwrap().job().to_string()
    };
    assert_eq!(job(None, None), "sealane");
    assert_eq!(job(None, Some("prterun-Host-1@1")), "prterun-host-1-1");
    assert_eq!(job(None, Some("@@@")), "sealane");
    assert_eq!(job(Some("mine"), Some("theirs")), "mine");
}

#[test]
fn wrong_variables_and_files_are_named() {
    let directory = tempfile::tempdir().unwrap();
    let exposed = file(&directory, "exposed", TEXT.as_bytes(), 0o644);
    let empty = file(&directory, "empty", b"", 0o600);
    let huge = file(&directory, "huge", &[b'x'; 70_000], 0o600);
    let binary = file(&directory, "binary", &[0xff; 40], 0o600);
    let folder = directory.path().to_str().unwrap();
    let cases: &[(&[(&str, &str)], &str)] = &[
        (&[], "no identity: set SEALANE_SECRET_FILE"),
        (&[(SECRET, " ")], "no identity"),
        (
            &[(SECRET, TEXT), (SECRET_FILE, "x")],
            "SEALANE_SECRET and SEALANE_SECRET_FILE are both set",
        ),
        (&[(SECRET, TEXT), (KEY, "x")], "SEALANE_SECRET and SEALANE_KEY are both set"),
        (&[(CA, "a"), (KEY, "k")], "SEALANE_CERT is not set"),
        (&[(SECRET_FILE, "/nowhere/at/all")], "there is no such file"),
        (&[(SECRET_FILE, folder)], "not a regular file"),
        (&[(SECRET_FILE, &exposed)], "mode 0644"),
        (&[(SECRET_FILE, &empty)], "it is empty"),
        (&[(SECRET_FILE, &huge)], "longer than 64 KiB"),
        (&[(SECRET_FILE, &binary)], "not text"),
    ];
    for (variables, expected) in cases {
        let error = load(variables).unwrap_err().to_string();
        assert!(error.contains(expected), "{variables:?}: {error}");
        assert!(!error.contains('\n'), "{error}");
    }
}

#[test]
fn malformed_content_is_refused() {
    let identity = |text: &str, job| {
        load(&[(SECRET, text)]).unwrap().identity(Rank(0), job, None, 1_800_000_000).map(|_| ())
    };
    assert!(identity("short", None).unwrap_err().to_string().starts_with("SEALANE_SECRET: "));
    let error = identity(TEXT, Some("Not A Label")).unwrap_err().to_string();
    assert!(error.starts_with("SEALANE_JOB: "), "{error}");

    let directory = tempfile::tempdir().unwrap();
    let path = file(&directory, "pem", b"no PEM at all", 0o600);
    let credentials = load(&[(CA, &path), (CERT, &path), (KEY, &path)]).unwrap();
    let error = credentials.identity(Rank(0), None, None, 1_800_000_000).unwrap_err();
    assert!(matches!(error, CredentialsError::Invalid { .. }), "{error}");
}
