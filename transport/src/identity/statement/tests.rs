#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use proptest::prelude::*;

use super::super::{Authority, Identity, JobId, JobSecret};
use super::*;

/// 2026-11-01.
const NOW: u64 = 1_793_491_200;

fn derived(job: &str, secret: &str, rank: u32) -> Identity {
    let secret = JobSecret::parse(secret).unwrap();
    Identity::from_secret(&JobId::new(job).unwrap(), &secret, Rank(rank), NOW).unwrap()
}

fn mine(rank: u32) -> Identity {
    derived("demo", "correct horse battery staple", rank)
}

#[test]
fn statements_are_believed_where_they_belong() {
    let statement = mine(0).sign_statement(b"group 7", b"10.0.0.5:29500").unwrap();
    let content = mine(3).open_statement(Rank(0), b"group 7", &statement, NOW).unwrap();
    assert_eq!(content, b"10.0.0.5:29500");
}

#[test]
fn statements_of_others_for_others_and_out_of_date_are_not_believed() {
    let statement = mine(0).sign_statement(b"group 7", b"here").unwrap();
    let open = |reader: &Identity, by, context: &[u8], now| {
        reader.open_statement(Rank(by), context, &statement, now).unwrap_err()
    };
    let reader = mine(3);
    assert_eq!(open(&reader, 0, b"group 8", NOW), StatementError::BadSignature);
    let other = open(&reader, 1, b"group 7", NOW);
    assert_eq!(other.to_string(), "it is signed by rank 0 of demo, not by rank 1 of demo");
    let later = NOW + 400 * 86_400;
    assert!(matches!(open(&reader, 0, b"group 7", later), StatementError::Untrusted(_)));
    for stranger in [
        derived("demo", "another secret of length", 3),
        derived("demo2", "correct horse battery staple", 3),
    ] {
        assert!(matches!(open(&stranger, 0, b"group 7", NOW), StatementError::Untrusted(_)));
    }
}

#[test]
fn certificates_of_an_authority_sign_too() {
    let authority = Authority::generate(NOW, 30).unwrap();
    let job = JobId::new("demo").unwrap();
    let identity = |rank| {
        let issued = authority.issue(&job, Rank(rank), 30, NOW).unwrap();
        let ca = authority.to_pem().certificate;
        Identity::from_pem(ca.as_bytes(), issued.certificate.as_bytes(), issued.key.as_bytes(), NOW)
            .unwrap()
    };
    let statement = identity(2).sign_statement(b"c", b"x").unwrap();
    assert_eq!(identity(5).open_statement(Rank(2), b"c", &statement, NOW).unwrap(), b"x");
    let imposter = identity(5).open_statement(Rank(4), b"c", &statement, NOW).unwrap_err();
    assert!(matches!(imposter, StatementError::OtherSigner { .. }));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_changed_byte_passes(at in any::<prop::sample::Index>(), flip in 1_u8..) {
        let mut statement = mine(0).sign_statement(b"c", b"content").unwrap();
        let at = at.index(statement.len());
        statement[at] ^= flip;
        prop_assert!(mine(1).open_statement(Rank(0), b"c", &statement, NOW).is_err());
    }

    #[test]
    fn garbage_is_no_statement(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(mine(1).open_statement(Rank(0), b"", &bytes, NOW).is_err());
    }
}
