//! House rules that no lint knows (CONTRIBUTING.md).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Lines of the longest file that is not a test.
const LINES_MAX: usize = 600;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Every Rust file of the repository: path from the root, and text.
fn sources() -> Vec<(String, String)> {
    let mut found = Vec::new();
    walk(&root(), &mut found);
    assert!(found.len() > 50, "{} sources", found.len());
    found
}

fn walk(folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            if name != "target" && name != "shared" && !name.starts_with('.') {
                walk(&path, found);
            }
        } else if name.ends_with(".rs") {
            let relative = path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
            found.push((relative, std::fs::read_to_string(&path).unwrap()));
        }
    }
}

fn is_test(path: &str) -> bool {
    path.ends_with("tests.rs") || path.contains("tests/") || path.contains("benches/")
}

#[test]
fn files_are_short() {
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        let lines = text.lines().count();
        if lines > LINES_MAX && !is_test(&path) {
            wrong.push(format!("{path} has {lines} lines, {LINES_MAX} are allowed"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn nothing_is_left_for_later() {
    // Put together here, so that this file does not find itself.
    let words = [["TO", "DO"].concat(), ["FIX", "ME"].concat(), ["XX", "X:"].concat()];
    let found: Vec<String> = sources()
        .iter()
        .flat_map(|(path, text)| (1..).zip(text.lines()).map(move |(at, text)| (path, at, text)))
        .filter(|(_, _, text)| words.iter().any(|word| text.contains(word)))
        .map(|(path, line, _)| format!("{path}:{line}"))
        .collect();
    assert!(found.is_empty(), "{found:#?}");
}

/// Section numbers of the protocol: `## 4. Sealing`, `### 4.3 Nonce`.
fn sections() -> BTreeSet<String> {
    let text = std::fs::read_to_string(root().join("docs/PROTOCOL.md")).unwrap();
    let numbers = text.lines().filter_map(|line| {
        let number =
            line.trim_start_matches('#').strip_prefix(' ').filter(|_| line.starts_with("##"));
        Some(number?.split(' ').next()?.trim_end_matches('.').to_owned())
    });
    numbers.collect()
}

/// The sections that `text` cites as `PROTOCOL §4.2, §4.3`.
fn citations(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for after in text.split("PROTOCOL §").skip(1) {
        let mut rest = after;
        loop {
            let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
            found.push(rest[..digits].trim_end_matches('.').to_owned());
            rest = &rest[digits..];
            let next = ["–§", ", §", " to §", " and §"];
            let Some(after) = next.iter().find_map(|joint| rest.strip_prefix(joint)) else { break };
            rest = after;
        }
    }
    found
}

#[test]
fn citations_are_read_as_they_are_written() {
    let text = "(PROTOCOL §4.4–§4.6) PROTOCOL §6.2 to §6.6. PROTOCOL §2, §8). PROTOCOL §9.";
    assert_eq!(citations(text), ["4.4", "4.6", "6.2", "6.6", "2", "8", "9"]);
}

#[test]
fn every_cited_section_of_the_protocol_exists() {
    let sections = sections();
    assert!(sections.contains("1") && sections.contains("4.3"), "{sections:?}");
    let mut wrong = Vec::new();
    let mut count = 0;
    for (path, text) in sources().into_iter().filter(|(path, _)| !path.ends_with("tidy.rs")) {
        for section in citations(&text) {
            count += 1;
            if !sections.contains(&section) {
                wrong.push(format!("{path} cites §{section}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(count > 30, "{count} citations");
}
