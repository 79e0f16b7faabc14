#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::atomic::AtomicU32;

use super::*;

fn done(buffer: HostBuffer) -> Done {
    Done { input: None, output: buffer, received: None, found: None }
}

#[test]
fn only_the_first_end_counts_and_callbacks_run_once_when_told() {
    let slot = Slot::new("all_reduce");
    let calls = Arc::new(AtomicU32::new(0));
    let count = |slot: &Slot| {
        let calls = calls.clone();
        slot.on_end(Box::new(move |result| {
            assert!(result.is_ok());
            calls.fetch_add(1, Ordering::SeqCst);
        }));
    };
    count(&slot);
    assert!(!slot.is_ended() && slot.take().is_none() && slot.sequence().is_none());
    slot.number(7);
    slot.number(8);
    assert_eq!(slot.operation().to_string(), "all_reduce #7");
    let first = slot.end(Ok(done(vec![1_u8].into())));
    let operation = slot.operation();
    let second = slot.end(Err(Error::Aborted { operation, reason: "late".to_owned() }));
    assert_eq!(calls.load(Ordering::SeqCst), 0, "not while locks may be held");
    Aftermath { listeners: vec![first, second], spent: Vec::new() }.run();
    assert_eq!(calls.load(Ordering::SeqCst), 1);
    count(&slot);
    assert_eq!(calls.load(Ordering::SeqCst), 2, "at once, after the end");
    assert!(slot.error().is_none());
    assert_eq!(slot.take().unwrap().unwrap().output.into_vec::<u8>().unwrap(), [1]);
    assert!(slot.take().is_none(), "once");
}

#[test]
fn a_callback_that_panics_harms_nobody() {
    let slot = Slot::new("barrier");
    let called = Arc::new(AtomicBool::new(false));
    slot.on_end(Box::new(|_| panic!("as it was told")));
    let after = called.clone();
    slot.on_end(Box::new(move |result| {
        assert!(matches!(result, Err(Error::Argument(_))));
        after.store(true, Ordering::SeqCst);
    }));
    let listeners = vec![slot.end(Err(Error::Argument("no".to_owned())))];
    Aftermath { listeners, spent: Vec::new() }.run();
    assert!(called.load(Ordering::SeqCst));
    assert!(matches!(slot.error(), Some(Error::Argument(_))));
}
