//! Certificates and secrets that cannot be used: typed errors at home, and on both sides where the
//! other side is the one that sees it.

use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use sealane::runtime::clock::unix_seconds;
use sealane_transport::Rank;
use sealane_transport::identity::Authority;

use crate::harness::{eventually, finish, one_line, port, rank, run, run_all, udp_port_of};

const ONCE: &str = "perf all_reduce -b 1K -w 0 --iters 1";
const DAY: u64 = 86_400;

/// An authority in a directory of its own.
struct Office {
    authority: Authority,
    directory: tempfile::TempDir,
}

impl Office {
    fn new() -> Self {
        let authority = Authority::generate(unix_seconds(), 10).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let office = Self { authority, directory };
        office.write("ca.pem", office.authority.to_pem().certificate.as_bytes());
        office
    }

    fn write(&self, name: &str, content: &[u8]) {
        let path = self.directory.path().join(name);
        std::fs::write(&path, content).unwrap();
        set_mode(&path, 0o600);
    }

    /// Certifies a rank for one day, of which `left` seconds from now are left.
    fn issue(&self, job: &str, rank: u32, left: i64) {
        let at = unix_seconds().checked_add_signed(left).unwrap() - DAY;
        let issued = self.authority.issue(&job.parse().unwrap(), Rank(rank), 1, at).unwrap();
        self.write(&format!("rank-{rank}.pem"), issued.certificate.as_bytes());
        self.write(&format!("rank-{rank}.key"), issued.key.as_bytes());
    }

    /// A rank with the files of this office.
    fn rank(&self, r: u32, world: u32, port: u16) -> Command {
        let path = |name: &str| self.directory.path().join(name);
        let mut command = rank(r, world, port, ONCE);
        command
            .env_remove("SEALANE_SECRET")
            .env("SEALANE_TIMEOUT", "4")
            .env("SEALANE_CA", path("ca.pem"))
            .env("SEALANE_CERT", path("rank-{rank}.pem"))
            .env("SEALANE_KEY", path("rank-{rank}.key"));
        command
    }
}

fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn an_expired_certificate_is_refused_at_home() {
    let office = Office::new();
    office.issue("job-a", 0, -60);
    let ended = run(office.rank(0, 2, port())).expect(1);
    let line = one_line(&ended);
    assert!(line.contains("rank-0.pem") && line.contains("expired"), "{line}");
}

/// It was valid when its process started, so that the other side is who refuses it.
#[test]
fn a_certificate_that_expires_meanwhile_is_an_error_on_both_sides() {
    let office = Office::new();
    office.issue("job-a", 0, DAY as i64);
    office.issue("job-a", 1, 2);
    let port = port();
    let guest = office.rank(1, 2, port).spawn().unwrap();
    thread::sleep(Duration::from_secs(3));
    let master = office.rank(0, 2, port).spawn().unwrap();
    let (guest, master) = (finish(guest).expect(1), finish(master).expect(1));
    let (guest, master) = (one_line(&guest), one_line(&master));
    assert!(master.contains("was refused: the peer's certificate is expired"), "{master}");
    assert!(guest.contains("do not accept each other") && guest.contains("expired"), "{guest}");
}

/// Rank 1 is sent to rank 2's address: the authority is right, the rank is not.
#[test]
fn the_right_authority_but_the_wrong_rank_is_an_error_on_both_sides() {
    let office = Office::new();
    for r in [1, 2] {
        office.issue("job-a", r, DAY as i64);
    }
    let nobody = port();
    let impostor = office.rank(2, 3, nobody).spawn().unwrap();
    let at = eventually("rank 2's socket", || udp_port_of(impostor.id()));
    let guest = run(office.rank(1, 3, at)).expect(1);
    let line = one_line(&guest);
    assert!(line.contains("certificate does not name rank-0.job-a.sealane"), "{line}");
    let impostor = finish(impostor).expect(1);
    let line = one_line(&impostor);
    assert!(line.contains("rank 0 did not answer at") && line.contains("refused"), "{line}");
}

#[test]
fn the_right_authority_but_the_wrong_job_is_an_error_on_both_sides() {
    let office = Office::new();
    office.issue("job-a", 0, DAY as i64);
    office.issue("job-b", 1, DAY as i64);
    let port = port();
    let ended = run_all([0, 1].map(|r| office.rank(r, 2, port)));
    let lines = ended.into_iter().map(|ended| ended.expect(1)).collect::<Vec<_>>();
    let (master, guest) = (one_line(&lines[0]), one_line(&lines[1]));
    assert!(master.contains("was refused: "), "{master}");
    assert!(guest.contains("does not name rank-0.job-b.sealane"), "{guest}");

    let mut command = office.rank(0, 2, port);
    command.env("SEALANE_JOB", "job-c");
    let ended = run(command).expect(1);
    assert!(
        one_line(&ended).contains("certificate of job \"job-a\", but SEALANE_JOB is \"job-c\"")
    );
}

#[test]
fn files_that_make_no_sense_are_named() {
    let office = Office::new();
    office.issue("job-a", 0, DAY as i64);
    let directory = office.directory.path().to_owned();
    let keep = |name: &str| std::fs::read(directory.join(name)).unwrap();
    let (ca, cert, key) = (keep("ca.pem"), keep("rank-0.pem"), keep("rank-0.key"));
    office.issue("job-a", 0, DAY as i64);
    let other_key = keep("rank-0.key");
    let garbage = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for (name, content, expected) in [
        ("ca.pem", &b""[..], "it is empty"),
        ("ca.pem", b"hello", "CA certificate"),
        ("ca.pem", garbage, "CA certificate"),
        ("ca.pem", &[0xff; 70_000], "longer than 64 KiB"),
        ("rank-0.pem", garbage, "certificate"),
        ("rank-0.pem", &ca, "certificate"),
        ("rank-0.pem", &key, "certificate"),
        ("rank-0.key", b"hello", "key"),
        ("rank-0.key", &other_key, "key"),
    ] {
        office.write("ca.pem", &ca);
        office.write("rank-0.pem", &cert);
        office.write("rank-0.key", &key);
        office.write(name, content);
        let ended = run(office.rank(0, 1, port())).expect(1);
        let line = one_line(&ended);
        assert!(line.contains(expected) && line.contains("SEALANE_C"), "{name}: {line}");
    }
    office.write("rank-0.key", &key);
    run(office.rank(0, 1, port())).expect(0);
}

#[test]
fn unreadable_files_are_named() {
    let office = Office::new();
    office.issue("job-a", 0, DAY as i64);
    let directory = office.directory.path();
    for (variable, value, expected) in [
        ("SEALANE_CA", "/no/such/ca.pem", "there is no such file"),
        ("SEALANE_CERT", "/dev/zero", "it is not a regular file"),
        ("SEALANE_KEY", "/", "it is not a regular file"),
    ] {
        let mut command = office.rank(0, 1, port());
        command.env(variable, value);
        let ended = run(command).expect(1);
        let line = one_line(&ended);
        assert!(line.contains(expected) && line.contains(variable), "{line}");
    }
    let mut command = office.rank(0, 1, port());
    command.env_remove("SEALANE_KEY");
    assert!(one_line(&run(command).expect(1)).contains("SEALANE_KEY is not set"));

    let key = directory.join("rank-0.key");
    set_mode(&key, 0o604);
    assert!(one_line(&run(office.rank(0, 1, port())).expect(1)).contains("`chmod 600 "));
}

#[test]
fn secrets_that_make_no_sense_are_named() {
    let office = Office::new();
    for (content, expected) in [
        (&b""[..], "it is empty"),
        (b"short", "at least 16"),
        (b"\xff\xfe and so on, long", "not text"),
    ] {
        office.write("secret", content);
        let mut command = rank(0, 1, port(), ONCE);
        command
            .env_remove("SEALANE_SECRET")
            .env("SEALANE_SECRET_FILE", office.directory.path().join("secret"));
        let ended = run(command).expect(1);
        let line = one_line(&ended);
        assert!(line.contains(expected) && line.contains("SEALANE_SECRET_FILE"), "{line}");
    }
    let mut command = rank(0, 1, port(), ONCE);
    command.env("SEALANE_SECRET_FILE", "/tmp/x");
    assert!(one_line(&run(command).expect(1)).contains("are both set"));
    let mut command = rank(0, 1, port(), ONCE);
    command.env("SEALANE_JOB", "Not A Label");
    assert!(one_line(&run(command).expect(1)).contains("SEALANE_JOB"));
}
