//! `sealane sim`: what it writes, what it refuses, and that a seed is all that a result depends on.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::harness::{Ended, eventually, finish, one_line, report, run, sealane, signal};

fn scenarios() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("sim/scenarios")
}

/// A scenario that ends soon, whatever is put behind it.
const SMALL: &str = "[fabric]\nkind = \"leaf-spine\"\nleaves = 2\nspines = 2\nhosts_per_leaf = 2\n\
                     [workload]\nsize = \"50KB\"\n";

/// A scenario that does not end before somebody ends it.
const ENDLESS: &str =
    "limit = \"1000s\"\n[workload]\nsize = \"20KB\"\nrepeat = \"each\"\ntimes = 1000000\n";

fn file(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

fn sim(arguments: &str) -> Ended {
    run(sealane(&format!("sim {arguments}")))
}

/// Every file of a folder, by name.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let named = |path: PathBuf| path.file_name().unwrap().to_string_lossy().into_owned();
    entries.map(|path| (named(path.clone()), std::fs::read(path).unwrap())).collect()
}

#[test]
fn every_example_scenario_runs() {
    let mut count = 0;
    for entry in std::fs::read_dir(scenarios()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|ending| ending != "toml") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let command = if text.contains("sweep") {
            format!("sweep {} --seeds 1..2 --no-files", path.display())
        } else {
            format!("run {} --no-files", path.display())
        };
        let ended = sim(&command).expect(0);
        assert!(ended.stdout.lines().count() > 5, "{}: {}", path.display(), ended.stdout);
        count += 1;
    }
    assert!(count >= 8, "{count} scenarios");
}

#[test]
fn a_run_writes_every_form_of_its_results() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), "small.toml", SMALL);
    let out = folder.path().join("out");
    let ended = sim(&format!("run {} --seed 9 --out {}", path.display(), out.display())).expect(0);
    let ended = ended.prints("last completion").prints("ideal").says("wrote ");
    assert!(ended.stderr.contains("million a second"), "{}", ended.stderr);
    let files = files(&out);
    let names: Vec<&str> = files.keys().map(String::as_str).collect();
    let expected = [
        "completion.svg",
        "flows.csv",
        "links.csv",
        "slowdown.svg",
        "small.html",
        "small.json",
        "summary.csv",
    ];
    assert_eq!(names, expected);
    let text = |name: &str| String::from_utf8(files[name].clone()).unwrap();
    assert_eq!(text("flows.csv").lines().count(), 1 + 4, "a line for each flow");
    assert!(
        text("completion.svg").starts_with("<svg ") && text("completion.svg").contains("ideal")
    );
    let html = text("small.html");
    for part in ["<!doctype html>", "<svg", "ideal", ">seed<", ">9<", ">commit<", "leaf-spine"] {
        assert!(html.contains(part), "{part} is not on the page");
    }
    let json = report(&out.join("small.json"));
    assert_eq!(json["facts"]["seed"], "9");
    assert_eq!(json["data"]["outcome"]["seed"], 9);
    assert_eq!(json["data"]["outcome"]["flows"].as_array().unwrap().len(), 4);
    assert_eq!(json["facts"]["digest"], json["data"]["outcome"]["digest"]);
}

#[test]
fn equal_seeds_are_equal_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), "small.toml", SMALL);
    let written = |seed: u64, out: &str| {
        let out = folder.path().join(out);
        let (path, trace) = (path.display(), out.join("trace"));
        std::fs::create_dir(&out).unwrap();
        let traces = format!("--pcapng {0}.pcapng --perfetto {0}.json", trace.display());
        sim(&format!("run {path} --seed {seed} --out {} {traces}", out.display())).expect(0);
        files(&out)
    };
    let (first, again, other) = (written(1, "a"), written(1, "b"), written(2, "c"));
    assert!(first == again, "a second run of the seed wrote other bytes");
    assert_eq!(first.len(), 9);
    for name in ["small.json", "trace.pcapng", "trace.json"] {
        assert!(first[name] != other[name], "{name} is the same for another seed");
    }
}

#[test]
fn wireshark_reads_the_capture() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), "small.toml", SMALL);
    let capture = folder.path().join("small.pcapng");
    sim(&format!("run {} --no-files --pcapng {}", path.display(), capture.display())).expect(0);
    let fields = ["frame.time_epoch", "frame.interface_name", "ip.checksum.status", "udp.length"];
    let mut tshark = Command::new("tshark");
    tshark.arg("-r").arg(&capture).args(["-o", "ip.check_checksum:TRUE", "-T", "fields"]);
    tshark.args(fields.iter().flat_map(|field| ["-e", field]));
    let Ok(output) = tshark.output() else {
        println!("SKIPPED: tshark is not installed (apt-get install tshark)");
        return;
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.lines().count() > 20, "{text}");
    for line in text.lines() {
        let values: Vec<&str> = line.split('\t').collect();
        let fraction = values[0].split_once('.').unwrap().1;
        assert_eq!(fraction.len(), 9, "nanoseconds: {line}");
        assert!(values[1].starts_with("host") && values[2] == "1", "{line}");
    }
}

#[test]
fn what_makes_no_sense_is_told_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| file(folder.path(), name, text).display().to_string();
    let broken = write("broken.toml", "title = \n");
    let unknown = write("unknown.toml", "[fabric]\nradixx = 4\n");
    let range = write("range.toml", "[transport]\npaths = [1, 2]\n");
    let depends = write("depends.toml", "[fabric]\nkind = [\"wire\", \"fat-tree\"]\nradix = 4\n");
    let good = write("good.toml", SMALL);
    for (command, part) in [
        (format!("run {broken}"), "broken.toml:1: "),
        (
            format!("run {unknown}"),
            "unknown.toml:2: fabric.radixx: unknown key; fabric takes here: kind",
        ),
        (format!("run {range}"), "transport.paths has 2 values: `sealane sim sweep`"),
        (format!("sweep {depends}"), "depends.toml:3: fabric.radix: unknown key"),
        ("run /dev/zero".to_owned(), "cannot read /dev/zero: it is longer than 1048576 bytes"),
        ("run /".to_owned(), "cannot read /: Is a directory"),
        ("run /nowhere.toml".to_owned(), "cannot read /nowhere.toml: No such file"),
        (format!("run {good} --seed one"), "invalid value 'one'"),
        (format!("sweep {good} --seeds 5..1"), "ends before it begins"),
        (format!("sweep {good} --seeds 1..9999999"), "more than 1000000 seeds"),
        (format!("sweep {good} --seeds 1..200000 --jobs 1"), "more than 100000 runs"),
        ("figure torus".to_owned(), "possible values: calibrate, permutation, incast"),
        ("replay".to_owned(), "--swarm <SEED>"),
        ("swarm --seeds x".to_owned(), "write 7, 1..20 (both ends count) or 1,5,9"),
    ] {
        let ended = sim(&command).expect(2);
        let said = one_line(&ended);
        assert!(said.contains(part), "{command}: {part:?} is not in: {said}");
    }
    let ended = sim(&format!("run {good} --out /proc/nowhere")).expect(1).says("/proc/nowhere");
    assert!(ended.stdout.is_empty(), "it is said before the run");
}

#[test]
fn a_run_that_does_not_finish_is_no_success() {
    let folder = tempfile::tempdir().unwrap();
    let text = format!("limit = \"3us\"\n{SMALL}");
    let path = file(folder.path(), "short.toml", &text);
    let out = folder.path().join("out");
    let command = |what: &str| format!("{what} {} --out {}", path.display(), out.display());
    let ended = sim(&command("run")).expect(1).says("0 of 4 were done when the virtual time");
    assert!(ended.stdout.contains("Partial: 0 of 4"), "{}", ended.stdout);
    assert!(files(&out).contains_key("short.html"), "what there is, is written all the same");
    sim(&command("sweep --seeds 1..2")).expect(1).says("2 of 2 runs ended before all");
}

/// Starts `command` on a scenario without an end, and interrupts it once it runs.
fn interrupted(command: &str, out: &Path) -> Ended {
    let child = sealane(&format!("sim {command} --out {}", out.display())).spawn().unwrap();
    // The folder is made when Ctrl-C is already watched for.
    eventually("the folder of results", || out.exists().then_some(()));
    signal(child.id(), "INT");
    finish(child)
}

#[test]
fn ctrl_c_writes_what_there_is_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), "endless.toml", ENDLESS);
    let out = folder.path().join("run");
    let ended = interrupted(&format!("run {}", path.display()), &out);
    let ended = ended.expect(130).says("results are partial").prints("Partial: ");
    assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
    let json = report(&out.join("endless.json"));
    assert_eq!(json["facts"]["ended"], "interrupted");
    assert!(!json["data"]["outcome"]["flows"].as_array().unwrap().is_empty());
    assert!(json["warnings"][0].as_str().unwrap().starts_with("Partial: "));
    for (command, name) in [
        (format!("sweep {} --seeds 1..3", path.display()), "endless-sweep"),
        ("figure permutation --seeds 1..500 --jobs 1".to_owned(), "permutation"),
        ("swarm --seeds 1..100000".to_owned(), "swarm"),
    ] {
        let out = folder.path().join(name);
        interrupted(&command, &out).expect(130).says("results are partial");
        let json = report(&out.join(format!("{name}.json")));
        assert!(json["warnings"][0].as_str().unwrap().starts_with("Partial: "), "{json}");
    }
}

#[test]
fn a_sweep_does_not_depend_on_its_threads() {
    let folder = tempfile::tempdir().unwrap();
    let text =
        format!("{SMALL}[transport]\npolicy = [\"recycle\", \"single\"]\npaths = \"2..8/2\"\n");
    let path = file(folder.path(), "paths.toml", &text);
    let written = |jobs: u32| {
        let out = folder.path().join(format!("jobs{jobs}"));
        let (path, out_text) = (path.display(), out.display());
        sim(&format!("sweep {path} --seeds 1..3 --jobs {jobs} --out {out_text}")).expect(0);
        files(&out)
    };
    let one = written(1);
    assert!(one == written(3), "other bytes on three threads");
    let names: Vec<&str> = one.keys().map(String::as_str).collect();
    for name in ["goodput.svg", "all-done.svg", "paths-sweep.html", "points.csv", "runs.csv"] {
        assert!(names.contains(&name), "{name} is not among {names:?}");
    }
    let text = |name: &str| String::from_utf8(one[name].clone()).unwrap();
    assert_eq!(text("points.csv").lines().count(), 1 + 4);
    assert_eq!(text("runs.csv").lines().count(), 1 + 12);
    assert!(text("points.csv").starts_with("transport.policy,transport.paths,runs,all done (µs)"));
}

#[test]
fn a_figure_has_claims_plots_and_an_ideal() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("calibrate");
    let ended = sim(&format!("figure calibrate --small --seeds 1..2 --out {}", out.display()));
    ended.expect(0).prints("claim").prints("At a small scale");
    let json = report(&out.join("calibrate.json"));
    assert_eq!(json["data"]["figure"]["complete"], true);
    let html = std::fs::read_to_string(out.join("calibrate.html")).unwrap();
    assert!(html.contains("<svg") && html.contains("deal"), "a plot with an ideal");
}

#[test]
fn a_swarm_is_clean_and_its_seeds_replay() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("swarm");
    sim(&format!("swarm --seeds 1..3 --out {}", out.display()))
        .expect(0)
        .prints("3 seeds of 3: 0 with violations");
    let seeds = std::fs::read_to_string(out.join("seeds.csv")).unwrap();
    let digest = seeds.lines().nth(2).unwrap().split(',').nth(2).unwrap().to_owned();
    let capture = folder.path().join("two.pcapng");
    sim(&format!("replay --swarm 2 --pcapng {}", capture.display()))
        .expect(0)
        .prints(&format!("digest {digest}"))
        .prints("no violation");
    assert!(capture.metadata().unwrap().len() > 1000);
}
