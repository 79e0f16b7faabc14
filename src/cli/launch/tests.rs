#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;

#[test]
fn programs_are_found_by_path_and_by_name() {
    assert!(super::is_program(Path::new("/bin/sh")));
    assert!(super::is_program(Path::new("sh")));
    assert!(!super::is_program(Path::new("no-such-program-anywhere")));
    assert!(!super::is_program(Path::new("./no-such-program")));
}
