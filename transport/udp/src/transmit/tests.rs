#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::cell::{Cell, RefCell};
use std::net::{IpAddr, Ipv4Addr};

use super::*;

/// A socket that answers as told: how many messages it takes, or an error; then takes everything.
#[derive(Default)]
struct Script {
    answers: RefCell<VecDeque<Result<usize, i32>>>,
    /// Bytes and stride of each message taken.
    taken: RefCell<Vec<(Vec<u8>, Option<u16>)>>,
    drains: Cell<u32>,
}

impl Script {
    fn new(answers: impl IntoIterator<Item = Result<usize, i32>>) -> Self {
        Self { answers: RefCell::new(answers.into_iter().collect()), ..Self::default() }
    }

    fn firsts(&self) -> Vec<u8> {
        self.taken.borrow().iter().map(|(bytes, _)| bytes[0]).collect()
    }
}

impl Wire for Script {
    fn send(&self, messages: &[Message<'_>]) -> io::Result<usize> {
        let answer = self.answers.borrow_mut().pop_front().unwrap_or(Ok(messages.len()));
        let taken = answer.map_err(io::Error::from_raw_os_error)?.min(messages.len());
        let copies = messages[..taken].iter().map(|m| (m.bytes.to_vec(), m.stride));
        self.taken.borrow_mut().extend(copies);
        Ok(taken)
    }

    fn drain_errors(&self, _local: u16, _report: &mut Report) {
        self.drains.set(self.drains.get() + 1);
    }
}

const SPLIT: Segmentation = Segmentation { packets: 64, bytes: 65_507 };

fn to(host: u8) -> Route {
    let ip = IpAddr::V4(Ipv4Addr::new(10, 0, 0, host));
    Route { local: 0, remote: SocketAddr::new(ip, 7) }
}

fn setup(trains: u8) -> (Transmitter, Report) {
    let mut transmitter = Transmitter::new(2, true, SPLIT);
    let mut report = Report::new(28);
    for i in 0..trains {
        post(&mut transmitter, &mut report, i, 100, 100);
    }
    (transmitter, report)
}

/// Posts a train of bytes `i` to host `i`.
fn post(tx: &mut Transmitter, report: &mut Report, i: u8, length: usize, stride: usize) {
    tx.lend().unwrap()[..length].fill(i);
    tx.post(Train { route: to(i), length, stride, ecn: Ecn::Ect0 }, report);
}

fn all_slots_are_free(tx: &mut Transmitter) -> bool {
    tx.pool.available() + usize::from(tx.lent.is_some()) == SLOTS as usize
}

#[test]
fn a_full_socket_keeps_the_trains_in_order() {
    let (mut tx, mut report) = setup(10);
    let wire = Script::new([Ok(3), Err(libc::EAGAIN), Err(libc::EAGAIN), Ok(1)]);
    assert_eq!(tx.flush(0, &wire, &mut report), Flushed::Blocked);
    assert_eq!(wire.firsts(), [0, 1, 2]);
    assert_eq!(tx.flush(0, &wire, &mut report), Flushed::Blocked);
    assert!(tx.is_waiting(0) && !tx.is_waiting(1));
    assert_eq!(tx.flush(0, &wire, &mut report), Flushed::Sent);
    assert_eq!(wire.firsts(), (0..10).collect::<Vec<_>>());
    assert_eq!(report.stats.send_blocked, 2);
    assert!(all_slots_are_free(&mut tx) && report.next_event().is_none());
}

#[test]
fn lending_stops_when_the_pool_is_exhausted_and_resumes() {
    let (mut tx, mut report) = setup(SLOTS as u8);
    assert!(!tx.can_lend() && tx.lend().is_none());
    tx.flush(0, &Script::new([Ok(1), Err(libc::EAGAIN)]), &mut report);
    assert!(tx.can_lend() && tx.lend().is_some());
    // A buffer that is not posted is lent again, not lost.
    assert!(tx.lend().is_some());
    tx.flush(0, &Script::default(), &mut report);
    assert!(all_slots_are_free(&mut tx));
}

#[test]
fn an_error_left_by_an_earlier_datagram_costs_nothing() {
    let (mut tx, mut report) = setup(3);
    let wire = Script::new([Err(libc::ECONNREFUSED), Err(libc::EHOSTUNREACH), Ok(3)]);
    assert_eq!(tx.flush(0, &wire, &mut report), Flushed::Sent);
    assert_eq!(wire.firsts(), [0, 1, 2]);
    assert_eq!(wire.drains.get(), 2);
    assert_eq!(report.stats.send_refused, 0);
}

#[test]
fn an_error_that_stays_drops_its_train_only() {
    for errno in [libc::EHOSTUNREACH, libc::ENETUNREACH, libc::EPERM, libc::EACCES, libc::EINVAL] {
        let (mut tx, mut report) = setup(3);
        let mut answers = vec![Ok(1)];
        answers.extend([Err(errno); ATTEMPTS_MAX as usize]);
        let wire = Script::new(answers);
        assert_eq!(tx.flush(0, &wire, &mut report), Flushed::Sent);
        assert_eq!(wire.firsts(), [0, 2]);
        assert_eq!(report.next_event(), Some(DeviceEvent::Unreachable(to(1))));
        assert_eq!((report.next_event(), report.stats.send_refused), (None, 1));
        assert!(all_slots_are_free(&mut tx));
    }
}

#[test]
fn a_datagram_too_large_is_reported_and_the_rest_goes_on() {
    let (mut tx, mut report) = setup(2);
    let wire = Script::new([Err(libc::EMSGSIZE); ATTEMPTS_MAX as usize]);
    assert_eq!(tx.flush(0, &wire, &mut report), Flushed::Sent);
    assert_eq!(wire.firsts(), [1]);
    assert_eq!(report.next_event(), Some(DeviceEvent::TooLarge(to(0), 0)));
}

#[test]
fn loss_inside_the_host_is_counted_without_an_event() {
    let (mut tx, mut report) = setup(3);
    let wire = Script::new([Err(libc::ENOBUFS), Err(libc::ENOMEM)]);
    assert_eq!(tx.flush(0, &wire, &mut report), Flushed::Sent);
    assert_eq!(wire.firsts(), [2]);
    assert_eq!((report.next_event(), report.stats.send_dropped), (None, 2));
}

#[test]
fn refused_segmentation_falls_back_to_single_packets() {
    for errno in [libc::EINVAL, libc::EIO] {
        let (mut tx, mut report) = setup(0);
        post(&mut tx, &mut report, 1, 2050, 100);
        post(&mut tx, &mut report, 2, 40, 100);
        let wire = Script::new([Err(errno)]);
        assert_eq!(tx.flush(0, &wire, &mut report), Flushed::Sent);
        let taken = wire.taken.borrow();
        let lengths: Vec<usize> = taken.iter().map(|(bytes, _)| bytes.len()).collect();
        assert_eq!(lengths, [vec![100; 20], vec![50, 40]].concat());
        assert!(taken.iter().all(|(_, stride)| stride.is_none()));
        assert_eq!(report.stats.gso_fallbacks, 1);
        assert!(all_slots_are_free(&mut tx) && report.next_event().is_none());
    }
}

#[test]
fn trains_beyond_the_kernels_limits_are_cut() {
    let (mut tx, mut report) = setup(0);
    post(&mut tx, &mut report, 1, 65_536, 600);
    let wire = Script::default();
    tx.flush(0, &wire, &mut report);
    let taken = wire.taken.borrow();
    let lengths: Vec<usize> = taken.iter().map(|(bytes, _)| bytes.len()).collect();
    assert_eq!(lengths, [38_400, 27_136]);
    assert!(taken.iter().all(|(_, stride)| *stride == Some(600)));
}

#[test]
fn a_broken_port_fails_once_and_refuses_everything_after() {
    let (mut tx, mut report) = setup(3);
    let wire = Script::new([Ok(1), Err(libc::EBADF)]);
    assert_eq!(tx.flush(0, &wire, &mut report), Flushed::Failed);
    assert_eq!(report.stats.send_refused, 2);
    assert!(all_slots_are_free(&mut tx) && !tx.is_waiting(0));
    post(&mut tx, &mut report, 5, 10, 10);
    assert!(!tx.is_waiting(0));
    assert_eq!(report.next_event(), Some(DeviceEvent::Unreachable(to(5))));
    assert!(all_slots_are_free(&mut tx));
}

#[test]
fn senseless_trains_return_their_buffer() {
    let (mut tx, mut report) = setup(0);
    for (length, stride) in [(0, 0), (0, 10), (SLOT_BYTES + 1, 10), (usize::MAX, 0)] {
        assert!(tx.lend().is_some());
        tx.post(Train { route: to(1), length, stride, ecn: Ecn::NotEct }, &mut report);
        assert!(!tx.is_waiting(0));
    }
    // Posting without lending does nothing.
    let train = Train { route: to(1), length: 10, stride: 10, ecn: Ecn::NotEct };
    assert!(!tx.post(train, &mut report));
    assert!(all_slots_are_free(&mut tx));
}

#[test]
fn it_is_time_to_send_by_trains_of_a_queue_or_by_bytes_of_all() {
    let (mut tx, mut report) = setup(15);
    tx.lend().unwrap();
    let train = Train { route: to(1), length: 1, stride: 1, ecn: Ecn::NotEct };
    assert!(tx.post(train, &mut report));
    let (mut tx, mut report) = setup(0);
    let large = Train { length: 65_000, stride: 65_000, ..train };
    let due: Vec<_> = (0..10)
        .map(|i| {
            tx.lend().unwrap();
            let route = Route { local: i % 2, ..to(1) };
            tx.post(Train { route, ..large }, &mut report)
        })
        .collect();
    // Every fifth: they are 65,000 bytes, and the count begins anew.
    let every_fifth: Vec<_> = (1..=10).map(|i| i % 5 == 0).collect();
    assert_eq!(due, every_fifth);
}
