//! Every way in which an identity can be wrong, and what both sides call it.

use super::harness::*;
use crate::control::verifier::{ServerCheck, VerdictSlot};
use crate::control::*;
use crate::identity::Authority;
use crate::ids::Rank;

const DAY: u64 = 86_400;

/// What came of one attempt.
struct Outcome {
    client: HandshakeError,
    server: HandshakeError,
    claimed: Option<Rank>,
}

/// Lets `client` dial `server` by the name of rank `dialled`, in fair weather and in foul, and expects
/// both to fail, once each, within the handshake timeout.
fn outcome(
    dialled: u32,
    client: impl Fn() -> ControlPlane,
    server: impl Fn() -> ControlPlane,
) -> Outcome {
    let mut last = None;
    for (weather, seed) in [(STORM, 1), (STORM, 2), (FAIR, 0)] {
        let mut net = Net::new(weather, seed);
        net.nodes.insert(address(0), client());
        net.nodes.insert(address(1), server());
        let now = net.now;
        net.node(0).connect(now, Rank(dialled), &[address(1)]);
        let both =
            |net: &mut Net| [0, 1].iter().all(|rank| net.events.contains_key(&address(*rank)));
        assert!(net.until(TIMEOUT, both), "both sides must learn of it: {:?}", net.events);
        net.run(2 * TIMEOUT);
        let (mut zero, mut one) = (net.take(0), net.take(1));
        assert_eq!((zero.len(), one.len()), (1, 1), "{zero:?} {one:?}");
        let Some(ControlEvent::Failed { peer, error: client }) = zero.pop() else {
            panic!("{zero:?}")
        };
        assert_eq!(peer, Rank(dialled));
        let Some(ControlEvent::Refused { claimed, error: server }) = one.pop() else {
            panic!("{one:?}")
        };
        assert!(net.nodes.values().all(|node| node.links.is_empty() && node.half_open() == 0));
        last = Some(Outcome { client, server, claimed });
    }
    last.unwrap()
}

fn plane(identity: Identity, wall: u64) -> ControlPlane {
    let mut settings = settings(identity, wall);
    settings.wall = Arc::new(FixedWall(wall));
    ControlPlane::new(settings).unwrap()
}

fn honest(rank: u32) -> impl Fn() -> ControlPlane {
    move || plane(identity(rank), NOW_UNIX)
}

fn by_peer(error: &HandshakeError) -> &str {
    let HandshakeError::RefusedByPeer(text) = error else { panic!("{error:?}") };
    text
}

fn wrong_name(expected: &str) -> HandshakeError {
    HandshakeError::WrongName { expected: expected.to_owned() }
}

/// An identity of `rank` of `job` by `authority`, that trusts all of `trusted`.
fn issued(authority: &Authority, job: &str, rank: u32, trusted: &[&Authority]) -> Identity {
    let job = JobId::new(job).unwrap();
    let leaf = authority.issue(&job, Rank(rank), 30, NOW_UNIX).unwrap();
    let mut ca = authority.to_pem().certificate;
    trusted.iter().for_each(|other| ca.push_str(&other.to_pem().certificate));
    let (certificate, key) = (leaf.certificate.as_bytes(), leaf.key.as_bytes());
    Identity::from_pem(ca.as_bytes(), certificate, key, NOW_UNIX).unwrap()
}

#[test]
fn another_secret_is_an_unknown_authority() {
    let stranger = || plane(identity_with("a secret of nobody", 0), NOW_UNIX);
    let found = outcome(1, stranger, honest(1));
    assert_eq!(found.client, HandshakeError::UnknownAuthority);
    assert!(by_peer(&found.server).starts_with("unknown_ca"), "{}", found.server);
}

#[test]
fn a_server_refuses_another_authority() {
    let (ours, theirs) =
        (Authority::generate(NOW_UNIX, 90).unwrap(), Authority::generate(NOW_UNIX, 90).unwrap());
    let server = issued(&ours, "pair", 1, &[]);
    let client = issued(&theirs, "pair", 0, &[&ours]);
    let found = outcome(1, || plane(client.clone(), NOW_UNIX), || plane(server.clone(), NOW_UNIX));
    assert_eq!(found.server, HandshakeError::UnknownAuthority);
    assert_eq!(found.claimed, Some(Rank(0)));
    assert!(by_peer(&found.client).starts_with("unknown_ca"), "{}", found.client);
}

#[test]
fn certificates_outside_their_dates_are_refused_by_either_side() {
    for wall in [NOW_UNIX + 400 * DAY, NOW_UNIX - 10 * DAY] {
        let found = outcome(1, || plane(identity(0), wall), honest(1));
        assert_eq!(found.client, HandshakeError::Expired);
        assert!(by_peer(&found.server).starts_with("certificate_expired"), "{}", found.server);
        let found = outcome(1, honest(0), || plane(identity(1), wall));
        assert_eq!((found.server, found.claimed), (HandshakeError::Expired, Some(Rank(0))));
        assert!(by_peer(&found.client).starts_with("certificate_expired"), "{}", found.client);
    }
}

#[test]
fn another_rank_than_was_dialled_is_refused() {
    let found = outcome(7, honest(0), honest(1));
    assert_eq!(found.client, wrong_name("rank-7.pair.sealane"));
    assert!(by_peer(&found.server).starts_with("bad_certificate"), "{}", found.server);
}

#[test]
fn a_rank_cannot_claim_to_be_another() {
    let liar = || {
        let mut liar = plane(identity(2), NOW_UNIX);
        liar.me.rank = Rank(0);
        liar
    };
    let found = outcome(1, liar, honest(1));
    assert_eq!(found.server, wrong_name("rank-0.pair.sealane"));
    assert_eq!(found.claimed, Some(Rank(2)));
    assert!(by_peer(&found.client).contains("rank-0.pair.sealane"), "{}", found.client);
}

#[test]
fn another_job_of_the_same_authority_is_refused_by_either_side() {
    let authority = Authority::generate(NOW_UNIX, 90).unwrap();
    let (stranger, server) =
        (issued(&authority, "other", 0, &[]), issued(&authority, "pair", 1, &[]));
    let server = || plane(server.clone(), NOW_UNIX);
    let found = outcome(1, || plane(stranger.clone(), NOW_UNIX), server);
    assert_eq!(found.client, wrong_name("rank-1.other.sealane"));
    assert!(by_peer(&found.server).starts_with("bad_certificate"), "{}", found.server);
    let liar = || {
        let mut liar = plane(stranger.clone(), NOW_UNIX);
        liar.me.job = job();
        liar
    };
    let found = outcome(1, liar, server);
    assert_eq!(found.server, wrong_name("rank-*.pair.sealane"));
    assert_eq!(found.claimed, Some(Rank(0)));
    assert!(by_peer(&found.client).starts_with("bad_certificate"), "{}", found.client);
}

#[test]
fn clients_without_a_certificate_are_refused() {
    let bare = || {
        let mut bare = plane(identity(0), NOW_UNIX);
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let check = ServerCheck::new(&identity(0), &provider, VerdictSlot::default()).unwrap();
        let wall = Arc::new(FixedWall(NOW_UNIX));
        let mut tls = rustls::ClientConfig::builder_with_details(provider, wall)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(check))
            .with_no_client_auth();
        tls.alpn_protocols = vec![b"sealane/1".to_vec()];
        let tls = tls::ClientTls::from_config(tls, VerdictSlot::default()).unwrap();
        bare.client = quic::client(Arc::new(tls));
        bare
    };
    let found = outcome(1, bare, honest(1));
    let text = "the peer presented no certificate";
    assert_eq!(found.server, HandshakeError::Transport(text.to_owned()));
    assert_eq!(found.claimed, None);
    assert!(by_peer(&found.client).starts_with("certificate_required"), "{}", found.client);
}

#[test]
fn parameters_must_make_sense() {
    type Lie = fn(&mut ControlPlane);
    let cases: [(Lie, HandshakeError); 5] = [
        (
            |it| it.me.job = JobId::new("pairs").unwrap(),
            HandshakeError::BadParameters("another job"),
        ),
        (|it| it.me.rank = Rank(1), HandshakeError::BadParameters("claims our own rank")),
        (|it| it.local.packet_max = 1199, HandshakeError::BadParameters("packet_max below 1200")),
        (|it| it.local.lanes = 0, HandshakeError::BadParameters("no lanes")),
        (|it| it.local.suites.clear(), HandshakeError::Incompatible("no AEAD suite in common")),
    ];
    for (index, (lie, expected)) in cases.into_iter().enumerate() {
        let mut net = Net::of(2, FAIR, 7);
        let now = net.now;
        net.node(0).connect(now, Rank(1), &[address(1)]);
        // The name that was dialled is honest; only what is said afterwards is not.
        lie(net.node(0));
        net.run(TIMEOUT);
        let (client, server) = (net.take(0), net.take(1));
        let [ControlEvent::Refused { claimed: Some(Rank(0)), error }] = &server[..] else {
            panic!("{index}: {server:?}")
        };
        assert_eq!(*error, expected);
        let [ControlEvent::Failed { error, .. }] = &client[..] else {
            panic!("{index}: {client:?}")
        };
        assert!(matches!(error, HandshakeError::RefusedByPeer(_)), "{error:?}");
    }
}

#[test]
fn nobody_connects_to_itself() {
    let mut net = Net::of(1, FAIR, 8);
    net.connect(0, 0);
    net.run(TIMEOUT);
    assert!(matches!(net.take(0)[..], [ControlEvent::Failed { peer: Rank(0), .. }]));
    let now = net.now;
    net.node(0).connect(now, Rank(1), &[address(0)]);
    net.run(TIMEOUT);
    let events = net.take(0);
    let failed = events.iter().any(|event| {
        matches!(event, ControlEvent::Failed { error: HandshakeError::WrongName { .. }, .. })
    });
    assert!(failed, "{events:?}");
}
