#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use proptest::prelude::*;

use super::name::parse_certificate_name;
use super::*;

/// 2026-11-01.
const NOW: u64 = 1_793_491_200;
const DAY: u64 = 86_400;

fn job() -> JobId {
    JobId::new("llama-7b").unwrap()
}

fn secret() -> JobSecret {
    JobSecret::parse("  correct horse battery staple\n").unwrap()
}

fn derived(rank: u32, now: u64) -> Identity {
    Identity::from_secret(&job(), &secret(), Rank(rank), now).unwrap()
}

#[test]
fn every_holder_derives_the_same_authority_and_leaf_key() {
    let (early, late) = (derived(3, NOW - 300 * DAY), derived(3, NOW));
    assert_eq!(early.roots.roots, late.roots.roots);
    assert_eq!(early.key.key.public_key(), late.key.key.public_key());
    assert_eq!(early.reset_seed(), late.reset_seed());
    let other = derived(4, NOW);
    assert_eq!(other.roots.roots, late.roots.roots);
    assert_ne!(other.key.key.public_key(), late.key.key.public_key());
    assert_ne!(other.reset_seed(), late.reset_seed());
}

#[test]
fn authorities_differ_by_secret_and_by_job() {
    let mine = derived(0, NOW);
    let other_secret = JobSecret::parse("correct horse battery stapl3").unwrap();
    let other = Identity::from_secret(&job(), &other_secret, Rank(0), NOW).unwrap();
    assert_ne!(mine.roots.roots, other.roots.roots);
    let other_job = JobId::new("llama-70b").unwrap();
    let other = Identity::from_secret(&other_job, &secret(), Rank(0), NOW).unwrap();
    assert_ne!(mine.roots.roots, other.roots.roots);
    assert_eq!(other.job().as_str(), "llama-70b");
}

#[test]
fn secrets_are_trimmed_bounded_and_redacted() {
    let spaced = Identity::from_secret(
        &job(),
        &JobSecret::parse("correct horse battery staple").unwrap(),
        Rank(1),
        NOW,
    );
    assert_eq!(spaced.unwrap().roots.roots, derived(1, NOW).roots.roots);
    assert_eq!(JobSecret::parse(" 123456789012345 ").unwrap_err(), IdentityError::ShortSecret(15));
    assert!(JobSecret::parse("1234567890123456").is_ok());
    assert_eq!(format!("{:?}", secret()), "JobSecret(redacted)");
    assert!(!format!("{:?}", derived(1, NOW)).contains("horse"));
}

#[test]
fn job_ids_are_dns_labels() {
    for good in ["a", "7", "job-1", &"x".repeat(63)] {
        assert_eq!(JobId::new(good).unwrap().as_str(), good);
    }
    assert_eq!(JobId::new(""), Err(NameError::Length(0)));
    assert_eq!(JobId::new(&"x".repeat(64)), Err(NameError::Length(64)));
    assert_eq!(JobId::new("Job"), Err(NameError::Character('J')));
    assert_eq!(JobId::new("a.b"), Err(NameError::Character('.')));
    assert_eq!(JobId::new("-a"), Err(NameError::Hyphen));
    assert_eq!(JobId::new("a-"), Err(NameError::Hyphen));
}

#[test]
fn names_have_one_spelling() {
    let parsed = parse_certificate_name("rank-12.llama-7b.sealane");
    assert_eq!(parsed, Some((Rank(12), job())));
    for bad in [
        "rank-012.llama-7b.sealane",
        "rank-+12.llama-7b.sealane",
        "RANK-12.llama-7b.sealane",
        "rank-12.llama-7b.sealane.",
        "rank-12..sealane",
        "rank-12.a.b.sealane",
        "rank-4294967296.llama-7b.sealane",
        "rank-.llama-7b.sealane",
        "rank-*.llama-7b.sealane",
    ] {
        assert_eq!(parse_certificate_name(bad), None, "{bad}");
    }
}

#[test]
fn issued_certificates_load_and_name_their_rank() {
    let authority = Authority::generate(NOW, 365).unwrap();
    let ca = authority.to_pem();
    let read_back = Authority::from_pem(&ca.certificate, &ca.key).unwrap();
    let leaf = read_back.issue(&job(), Rank(5), 30, NOW).unwrap();
    let load = |now| {
        Identity::from_pem(
            ca.certificate.as_bytes(),
            leaf.certificate.as_bytes(),
            leaf.key.as_bytes(),
            now,
        )
    };
    let identity = load(NOW).unwrap();
    assert_eq!((identity.rank(), identity.job()), (Rank(5), &job()));
    assert_eq!(load(NOW + 31 * DAY).unwrap_err(), IdentityError::Expired);
    assert_eq!(load(NOW - 2 * DAY).unwrap_err(), IdentityError::NotValidYet);
    assert!(!format!("{leaf:?} {ca:?} {authority:?}").contains("PRIVATE"));
}

/// A certificate with the given names, issued by `authority`.
fn with_names(authority: &Authority, names: &[&str]) -> (String, String) {
    let (ca, key) = {
        let pem = authority.to_pem();
        (pem.certificate, rcgen::KeyPair::from_pem(&pem.key).unwrap())
    };
    assert!(ca.contains("BEGIN CERTIFICATE"));
    let leaf = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let params = rcgen::CertificateParams::new(names).unwrap();
    let issuer = rcgen::Issuer::new(authority.params().clone(), key);
    let certificate = params.signed_by(&leaf, &issuer).unwrap();
    (certificate.pem(), leaf.serialize_pem())
}

#[test]
fn certificates_must_have_exactly_one_name_of_a_rank() {
    let authority = Authority::generate(NOW, 365).unwrap();
    let ca = authority.to_pem().certificate;
    let load = |names: &[&str]| {
        let (certificate, key) = with_names(&authority, names);
        Identity::from_pem(ca.as_bytes(), certificate.as_bytes(), key.as_bytes(), NOW)
    };
    assert_eq!(load(&["rank-1.j.sealane"]).unwrap().rank(), Rank(1));
    assert_eq!(load(&[]).unwrap_err(), IdentityError::NoName);
    assert_eq!(
        load(&["rank-1.j.sealane", "rank-2.j.sealane"]).unwrap_err(),
        IdentityError::SeveralNames(2)
    );
    assert_eq!(
        load(&["example.org"]).unwrap_err(),
        IdentityError::BadName("example.org".to_owned())
    );
}

#[test]
fn mismatched_and_malformed_files_are_told_apart() {
    let (one, two) = (Authority::generate(NOW, 9).unwrap(), Authority::generate(NOW, 9).unwrap());
    let (a, b) =
        (one.issue(&job(), Rank(0), 9, NOW).unwrap(), one.issue(&job(), Rank(1), 9, NOW).unwrap());
    let load = |ca: &str, certificate: &str, key: &str| {
        Identity::from_pem(ca.as_bytes(), certificate.as_bytes(), key.as_bytes(), NOW)
            .map(|identity| identity.rank())
    };
    let (ca, other) = (one.to_pem().certificate, two.to_pem().certificate);
    assert_eq!(load(&ca, &a.certificate, &a.key), Ok(Rank(0)));
    assert_eq!(load(&ca, &a.certificate, &b.key), Err(IdentityError::KeyMismatch));
    assert_eq!(load(&other, &a.certificate, &a.key), Err(IdentityError::UnknownIssuer));
    assert_eq!(load(&format!("{other}{ca}"), &a.certificate, &a.key), Ok(Rank(0)));
    assert_eq!(load("", &a.certificate, &a.key), Err(IdentityError::Missing("CA certificate")));
    assert_eq!(load(&ca, &a.key, &a.key), Err(IdentityError::Missing("certificate")));
    assert_eq!(load(&ca, &a.certificate, &a.certificate), Err(IdentityError::Missing("key")));
    let cut = &a.certificate[..a.certificate.len() - 40];
    let Err(IdentityError::Pem { what: "certificate", .. }) = load(&ca, cut, &a.key) else {
        panic!("a truncated PEM must be called so")
    };
    let scrambled = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let Err(IdentityError::Unusable { what: "certificate", .. }) = load(&ca, scrambled, &a.key)
    else {
        panic!("a certificate that is no DER must be called so")
    };
    let Err(IdentityError::Unusable { what: "CA certificate", .. }) =
        load(scrambled, &a.certificate, &a.key)
    else {
        panic!("a CA that is no DER must be called so")
    };
    assert_eq!(
        Authority::from_pem(&ca, &two.to_pem().key).unwrap_err(),
        IdentityError::KeyMismatch
    );
}

#[test]
fn dates_beyond_certificates_are_refused() {
    let error = Identity::from_secret(&job(), &secret(), Rank(0), u64::MAX).unwrap_err();
    assert!(matches!(error, IdentityError::Issue(_)), "{error}");
}

proptest! {
    #[test]
    fn no_pem_panics(ca: Vec<u8>, certificate: Vec<u8>, key: Vec<u8>, now: u64) {
        prop_assert!(Identity::from_pem(&ca, &certificate, &key, now).is_err());
    }

    #[test]
    fn parsed_names_round_trip(rank: u32, job in "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?") {
        let job = JobId::new(&job).unwrap();
        let name = certificate_name(&job, Rank(rank));
        prop_assert_eq!(parse_certificate_name(&name), Some((Rank(rank), job)));
    }

    #[test]
    fn no_name_panics(name in ".*") {
        if let Some((rank, job)) = parse_certificate_name(&name) {
            prop_assert_eq!(certificate_name(&job, rank), name);
        }
    }
}
