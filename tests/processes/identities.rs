//! Secrets and certificates: the right ones work, the wrong ones are errors on both sides.

use std::path::Path;
use std::process::Command;

use crate::harness::{Ended, port, rank, run, run_all, sealane};

const ONCE: &str = "perf all_reduce -b 1K -w 0 --iters 1";

fn keys(arguments: &str) {
    run(sealane(&format!("keys {arguments}"))).expect(0);
}

/// A rank with the certificate of `certified`, from `dir`.
fn certified(r: u32, world: u32, port: u16, dir: &Path, certified: &str) -> Command {
    let mut command = rank(r, world, port, ONCE);
    let file = |name: String| dir.join(name);
    command
        .env_remove("SEALANE_SECRET")
        .env("SEALANE_TIMEOUT", "4")
        .env("SEALANE_CA", file("ca.pem".to_owned()))
        .env("SEALANE_CERT", file(format!("rank-{certified}.pem")))
        .env("SEALANE_KEY", file(format!("rank-{certified}.key")));
    command
}

fn codes(ended: &[Ended]) -> Vec<Option<i32>> {
    ended.iter().map(|ended| ended.code).collect()
}

#[test]
fn certificates_of_one_authority_work() {
    let directory = tempfile::tempdir().unwrap();
    let dir = directory.path();
    keys(&format!("ca --dir {}", dir.display()));
    keys(&format!("issue --job job-a --rank 0-1 --dir {}", dir.display()));
    let port = port();
    let ended = run_all([0, 1].map(|r| certified(r, 2, port, dir, "{rank}")));
    assert_eq!(codes(&ended), [Some(0); 2], "{}{}", ended[0].stderr, ended[1].stderr);
}

#[test]
fn a_certificate_of_another_rank_is_refused_at_home() {
    let directory = tempfile::tempdir().unwrap();
    let dir = directory.path();
    keys(&format!("ca --dir {}", dir.display()));
    keys(&format!("issue --job job-a --rank 0 --dir {}", dir.display()));
    run(certified(1, 2, port(), dir, "0")).expect(1).says("is the certificate of rank 0");
}

#[test]
fn another_authority_or_job_is_an_error_on_both_sides() {
    let (ours, theirs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for (directory, job) in [(&ours, "job-a"), (&theirs, "job-a")] {
        keys(&format!("ca --dir {}", directory.path().display()));
        keys(&format!("issue --job {job} --rank 0-1 --dir {}", directory.path().display()));
    }
    let first = port();
    let ended = run_all([
        certified(0, 2, first, ours.path(), "0"),
        certified(1, 2, first, theirs.path(), "1"),
    ]);
    assert_eq!(codes(&ended), [Some(1); 2]);
    assert!(ended[0].stderr.contains("was refused"), "{}", ended[0].stderr);
    assert!(ended[1].stderr.contains("do not accept each other"), "{}", ended[1].stderr);

    // The same authority, another job.
    keys(&format!("issue --job job-b --rank 1 --force --dir {}", ours.path().display()));
    let second = port();
    let ended = run_all([
        certified(0, 2, second, ours.path(), "0"),
        certified(1, 2, second, ours.path(), "1"),
    ]);
    assert_eq!(codes(&ended), [Some(1); 2]);
    assert!(ended[1].stderr.contains("do not accept each other"), "{}", ended[1].stderr);
}

#[test]
fn another_secret_is_an_error_on_both_sides() {
    let port = port();
    let command = |r| {
        let mut command = rank(r, 2, port, ONCE);
        command
            .env("SEALANE_SECRET", format!("the secret of rank number {r}"))
            .env("SEALANE_TIMEOUT", "3");
        command
    };
    let ended = run_all([command(0), command(1)]);
    assert_eq!(codes(&ended), [Some(1); 2]);
    assert!(ended[0].stderr.contains("rank 1 did not arrive"), "{}", ended[0].stderr);
    assert!(ended[0].stderr.contains("was refused"), "{}", ended[0].stderr);
    assert!(ended[1].stderr.contains("wrong secret or CA?"), "{}", ended[1].stderr);
}

#[test]
fn a_secret_file_works_and_must_be_private() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("secret");
    keys(&format!("secret --out {}", path.display()));
    let port = port();
    let command = |r| {
        let mut command = rank(r, 2, port, ONCE);
        command.env_remove("SEALANE_SECRET").env("SEALANE_SECRET_FILE", &path);
        command
    };
    assert_eq!(codes(&run_all([command(0), command(1)])), [Some(0); 2]);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    run(command(0)).expect(1).says("chmod 600");
}
