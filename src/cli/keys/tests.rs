#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::os::unix::fs::PermissionsExt;

use sealane_transport::identity::Identity;

use super::*;

#[test]
fn rank_lists_are_read() {
    assert_eq!(ranks("3").unwrap().0, [3]);
    assert_eq!(ranks("0,2,4-6").unwrap().0, [0, 2, 4, 5, 6]);
    for wrong in ["", "x", "3-1", "1,", "-1", "0-4294967295", "0-65535,7"] {
        assert!(ranks(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn issued_files_make_an_identity_and_are_private() {
    let directory = tempfile::tempdir().unwrap();
    let dir = directory.path().to_path_buf();
    make_authority(&Ca { dir: dir.clone(), days: 10, force: false }).unwrap();
    let options = Issue {
        job: "job-a".parse().unwrap(),
        rank: ranks("0-1").unwrap(),
        dir: dir.clone(),
        days: 1,
        force: false,
    };
    issue(&options).unwrap();
    let read = |name: &str| fs::read(dir.join(name)).unwrap();
    let identity = Identity::from_pem(
        &read("ca.pem"),
        &read("rank-1.pem"),
        &read("rank-1.key"),
        unix_seconds(),
    )
    .unwrap();
    assert_eq!((identity.rank(), identity.job().as_str()), (Rank(1), "job-a"));
    for name in ["ca.key", "rank-0.key"] {
        let mode = fs::metadata(dir.join(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{name}");
    }
    let again = issue(&options).unwrap_err().to_string();
    assert!(again.contains("exists already"), "{again}");
    issue(&Issue { force: true, ..options }).unwrap();
}

#[test]
fn a_secret_is_never_overwritten_by_accident() {
    let directory = tempfile::tempdir().unwrap();
    let out = Some(directory.path().join("secret"));
    make_secret(&Secret { out: out.clone(), force: false }).unwrap();
    let first = fs::read(out.as_ref().unwrap()).unwrap();
    assert!(make_secret(&Secret { out: out.clone(), force: false }).is_err());
    assert_eq!(fs::read(out.as_ref().unwrap()).unwrap(), first);
    make_secret(&Secret { out: out.clone(), force: true }).unwrap();
    assert_ne!(fs::read(out.as_ref().unwrap()).unwrap(), first);
    assert_eq!(first.len(), 65);
}

#[test]
fn issuing_without_an_authority_says_how_to_get_one() {
    let directory = tempfile::tempdir().unwrap();
    let error = issue(&Issue {
        job: "a".parse().unwrap(),
        rank: ranks("0").unwrap(),
        dir: directory.path().to_path_buf(),
        days: 1,
        force: false,
    })
    .unwrap_err()
    .to_string();
    assert!(error.contains("sealane keys ca"), "{error}");
}
