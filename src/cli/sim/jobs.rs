//! Runs side by side, results in order: what comes out does not depend on how many threads there are.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// As many threads as there are processors.
pub(super) fn available() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// Does `work` for 0 to `count` - 1 on `threads` threads; `None` stands where it gave nothing, or was
/// not begun because `stop` said so.
pub(super) fn ordered<T: Send>(
    count: usize,
    threads: usize,
    stop: &(dyn Fn() -> bool + Sync),
    work: &(dyn Fn(usize) -> Option<T> + Sync),
) -> Vec<Option<T>> {
    let next = AtomicUsize::new(0);
    let results: Mutex<Vec<Option<T>>> = Mutex::new((0..count).map(|_| None).collect());
    thread::scope(|scope| {
        for _ in 0..threads.clamp(1, count.max(1)) {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if index >= count || stop() {
                        return;
                    }
                    let result = work(index);
                    // A thread that panicked has not left the list half written.
                    let mut results = results.lock().unwrap_or_else(PoisonError::into_inner);
                    results[index] = result;
                }
            });
        }
    });
    results.into_inner().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_in_order_on_any_number_of_threads() {
        for threads in [1, 2, 7] {
            let results =
                ordered(50, threads, &|| false, &|index| (index % 7 != 3).then_some(index * 2));
            for (index, result) in results.into_iter().enumerate() {
                assert_eq!(result, (index % 7 != 3).then_some(index * 2));
            }
        }
    }

    #[test]
    fn what_was_not_begun_is_nothing() {
        let begun = AtomicUsize::new(0);
        let stop = || begun.load(Ordering::Relaxed) >= 3;
        let results = ordered(10, 1, &stop, &|index| {
            begun.fetch_add(1, Ordering::Relaxed);
            Some(index)
        });
        assert_eq!(results.iter().flatten().count(), 3);
        assert_eq!(ordered(0, 4, &|| false, &|index| Some(index)), Vec::new());
    }
}
