//! Sleeping and waking.

use std::thread;

use super::*;
use crate::Wakeup;

/// Far more than any of these waits may take.
const LONG: Option<Duration> = Some(Duration::from_secs(60));

#[test]
fn a_packet_ends_the_wait() {
    let (mut a, mut b) = (device(V4, 4), device(V4, 4));
    let waiter = b.waiter();
    assert_eq!(waiter.wait(Some(Duration::ZERO)), Wakeup::TimedOut);
    let sleeper = thread::spawn(move || waiter.wait(LONG));
    post(&mut a, route(2, &b, 3), b"x", 1, Ecn::NotEct);
    a.flush();
    assert_eq!(sleeper.join().unwrap(), Wakeup::Ready);
    // Readiness stays until the packet is taken.
    assert_eq!(b.waiter().wait(LONG), Wakeup::Ready);
    assert_eq!(poll(&mut b, 8).len(), 1);
    assert_eq!(b.waiter().wait(Some(Duration::from_micros(50))), Wakeup::TimedOut);
}

#[test]
fn a_wake_ends_the_wait_from_any_thread() {
    let b = device(V4, 2);
    let waiter = b.waiter();
    let sleeper = thread::spawn(move || waiter.wait(None));
    b.waiter().wake();
    assert_eq!(sleeper.join().unwrap(), Wakeup::Woken);
}

#[test]
fn a_wake_before_the_wait_is_kept_once() {
    let b = device(V4, 2);
    let waiter = b.waiter();
    waiter.wake();
    waiter.wake();
    assert_eq!(waiter.wait(LONG), Wakeup::Woken);
    assert_eq!(waiter.wait(Some(Duration::from_millis(1))), Wakeup::TimedOut);
}

#[test]
fn a_wake_does_not_hide_a_packet() {
    let (mut a, mut b) = (device(V4, 1), device(V4, 1));
    post(&mut a, route(0, &b, 0), b"x", 1, Ecn::NotEct);
    a.flush();
    b.waiter().wake();
    assert_eq!(b.waiter().wait(LONG), Wakeup::Ready);
    assert_eq!(receive(&mut b, |got| !got.is_empty()).len(), 1);
}

#[test]
fn a_waiter_outlives_its_device() {
    let waiter = device(V4, 2).waiter();
    waiter.wake();
    assert_eq!(waiter.wait(LONG), Wakeup::Woken);
    assert_eq!(waiter.wait(Some(Duration::from_millis(1))), Wakeup::TimedOut);
}

#[test]
fn absurd_timeouts_are_accepted() {
    let waiter = device(V4, 1).waiter();
    waiter.wake();
    assert_eq!(waiter.wait(Some(Duration::MAX)), Wakeup::Woken);
}
