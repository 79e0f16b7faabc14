//! Every crate that is linked has a licence that `deny.toml` allows. `cargo deny` says the same, and more,
//! where it is installed; this runs everywhere.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::PathBuf;
use std::process::Command;

use spdx::{Expression, Licensee, ParseMode};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn allowed() -> Vec<Licensee> {
    let text = std::fs::read_to_string(root().join("deny.toml")).unwrap();
    let table: toml::Table = text.parse().unwrap();
    let names = table["licenses"]["allow"].as_array().unwrap().iter();
    names.map(|name| Licensee::parse(name.as_str().unwrap()).unwrap()).collect()
}

/// What `rustc` calls the machine that it runs on: crates for others are not fetched, so not looked at.
fn host() -> String {
    let output = Command::new("rustc").arg("-vV").output().unwrap().stdout;
    let text = String::from_utf8(output).unwrap();
    text.lines().find_map(|line| line.strip_prefix("host: ")).unwrap().to_owned()
}

#[test]
fn every_licence_is_allowed() {
    let metadata = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--filter-platform", &host()])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(metadata.status.success(), "{}", String::from_utf8_lossy(&metadata.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&metadata.stdout).unwrap();
    let allowed = allowed();
    let packages = metadata["packages"].as_array().unwrap();
    let refused: Vec<String> = packages
        .iter()
        .filter(|package| {
            let licence = package["license"].as_str().unwrap_or("");
            let expression = Expression::parse_mode(licence, ParseMode::LAX);
            !expression.is_ok_and(|expression| {
                expression.evaluate(|asked| allowed.iter().any(|had| had.satisfies(asked)))
            })
        })
        .map(|package| {
            format!("{} {}: {}", package["name"], package["version"], package["license"])
        })
        .collect();
    assert!(packages.len() > 100, "{} crates", packages.len());
    assert!(refused.is_empty(), "licences that deny.toml does not allow: {refused:#?}");
}

/// Nothing comes from anywhere but the registry and this repository.
#[test]
fn every_crate_is_from_the_registry() {
    let lock = std::fs::read_to_string(root().join("Cargo.lock")).unwrap();
    let foreign: Vec<&str> = lock
        .lines()
        .filter_map(|line| line.strip_prefix("source = "))
        .filter(|source| *source != "\"registry+https://github.com/rust-lang/crates.io-index\"")
        .collect();
    assert!(lock.contains("registry+https://"), "the lock file is read");
    assert!(foreign.is_empty(), "{foreign:?}");
}
