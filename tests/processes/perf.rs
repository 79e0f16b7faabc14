//! `sealane perf`: every value is checked on every rank, so a clean exit is the proof.

use crate::harness::{port, rank, report, run, run_all, sealane};

fn clean(arguments: &str) -> String {
    run(sealane(arguments)).expect(0).prints("# Out of bounds values : 0 OK").stdout
}

#[test]
fn worlds_of_1_to_8_ranks() {
    for world in 1..=8 {
        clean(&format!("perf all_reduce -n {world} -b 4 -e 300K -f 17 -w 0 --iters 1"));
    }
}

#[test]
fn every_type_with_every_operation() {
    for world in [2, 3] {
        let out = clean(&format!(
            "perf all_reduce -n {world} -d all -o all -b 8 -e 40K -f 80 -w 0 --iters 1"
        ));
        let rows = out.lines().filter(|line| !line.starts_with('#')).count();
        // Integers have nine reductions, floats six, truth values seven, complex numbers four.
        assert_eq!(rows, (8 * 9 + 4 * 6 + 7 + 2 * 4) * 2, "{out}");
    }
    // Those that are only moved are among all that can be.
    for what in ["all_gather", "sendrecv", "scatter"] {
        let out = clean(&format!("perf {what} -n 3 -d all -b 20K -w 0 --iters 1"));
        assert_eq!(out.lines().filter(|line| !line.starts_with('#')).count(), 17, "{out}");
    }
}

#[test]
fn a_reduction_that_a_type_does_not_have_is_refused_by_name() {
    run(sealane("perf all_reduce -n 2 -d float8e4m3 -b 8"))
        .expect(2)
        .says("all_reduce: float8e4m3 has no reduction by sum: give other -d and -o");
}

#[test]
fn odd_counts_and_none() {
    clean("perf all_reduce -n 5 -b 0 -e 5000 -i 1237 -d int8 -w 0 --iters 1");
    clean("perf broadcast -n 4 -b 0 -e 60000 -i 14999 -d uint8 -w 0 --iters 1");
}

#[test]
fn broadcast_sendrecv_and_barrier() {
    for what in ["broadcast", "sendrecv"] {
        clean(&format!("perf {what} -n 3 -b 8 -e 600K -f 40 -d double -w 0 --iters 2"));
    }
    let out = clean("perf barrier -n 4");
    assert!(out.lines().any(|line| line.split_whitespace().nth(2) == Some("none")), "{out}");
}

#[test]
fn the_whole_family_in_both_places() {
    for what in ["reduce", "reduce_scatter", "all_gather", "gather", "scatter", "alltoall"] {
        for (ranks, size) in
            [(1, "-b 1K"), (3, "-b 0 -e 90000 -i 29999"), (4, "-b 64K -e 1M -f 16")]
        {
            clean(&format!("perf {what} -n {ranks} {size} -d bfloat16 -w 0 --iters 1"));
        }
    }
}

#[test]
fn every_algorithm_that_can_be_asked_for() {
    for what in [
        "all_reduce --algo ring",
        "all_reduce --algo halving_doubling",
        "all_reduce --algo double_tree",
        "all_reduce --algo recursive_doubling",
        "reduce --algo binomial",
        "reduce_scatter --algo direct",
        "all_gather --algo bruck",
        "alltoall --algo bruck",
        "broadcast --algo binomial",
    ] {
        clean(&format!("perf {what} -n 3 -b 4 -e 700K -f 60 -w 0 --iters 1"));
    }
}

/// Ranks that would not speak the same steps say so, on all sides.
#[test]
fn ranks_with_different_algorithms_are_told() {
    let port = port();
    let command = |r: u32, algo| {
        rank(r, 2, port, &format!("perf all_reduce -b 64K -w 0 --iters 1 --algo {algo}"))
    };
    for ended in run_all([command(0, "ring"), command(1, "double_tree")]) {
        let ended = ended.expect(1);
        assert!(ended.stderr.contains("where we called allreduce"), "{}", ended.stderr);
    }
}

#[test]
fn the_header_names_what_protects_the_data() {
    let out = clean("perf all_reduce -n 2 -b 8 --suite chacha20 --paths 4 -w 2 --iters 1");
    let header = out.lines().find(|line| line.starts_with("# cipher")).unwrap().to_owned();
    for word in ["ChaCha20-Poly1305 by AWS-LC", "X25519MLKEM768", "paths 4", "device udp", "MTU "] {
        assert!(header.contains(word), "{word} is not in {header}");
    }
}

#[test]
fn results_are_written_as_json() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("out.json");
    clean(&format!(
        "perf all_reduce -n 2 -b 8 -e 128 -f 4 -w 0 --iters 1 --json {}",
        path.display()
    ));
    let json = report(&path);
    assert_eq!(json["ranks"], 2);
    assert_eq!(json["rows"].as_array().unwrap().len(), 3);
    assert_eq!(json["rows"][0]["out_of_place"]["wrong"], 0);
    assert_eq!(json["link"]["cipher"], "AES-256-GCM");
    assert!(json["rank_0"]["packets_received"].as_u64() > Some(0));
    assert!(json["rank_0"]["injected"].is_null());
}

#[test]
fn ranks_of_another_launcher_join() {
    let port = port();
    let command = |r| rank(r, 2, port, "perf all_reduce -n 2 -b 1K -w 0 --iters 1");
    let ended = run_all([command(1), command(0)]);
    assert!(ended.iter().all(|rank| rank.code == Some(0)), "{}", ended[0].stderr);
    assert!(ended[0].stdout.is_empty(), "rank 0 alone prints the table");
    assert!(ended[1].stdout.contains("# Out of bounds values : 0 OK"));
}

#[test]
fn one_sided_operations() {
    for what in ["write", "read", "write_imm"] {
        clean(&format!("perf {what} -n 2 -b 0 -e 70000 -i 34999 -w 1 --iters 2 --inflight 9"));
    }
    clean("perf write_imm -n 5 -b 64 -w 0 --iters 3 --inflight 5 --bidirectional");
    clean("perf read -n 2 -b 100000 -w 0 --iters 2 --bidirectional --loss 5% --corrupt 1%");
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("out.json");
    clean(&format!(
        "perf fetch_add -n 2 -w 0 --iters 3 --duplicate 10% --reorder 10% --json {}",
        path.display()
    ));
    let json = report(&path);
    assert_eq!(json["operation"], "fetch_add");
    assert_eq!(json["rows"][0]["operations"], 3 * 64);
    assert_eq!(json["rows"][0]["wrong"], 0);
    assert!(json["rows"][0]["latency"]["p999_us"].as_f64() > Some(0.0));
}

#[test]
fn one_sided_operations_need_somebody() {
    let ended = run(sealane("perf write -n 1 -b 8")).expect(2);
    assert!(ended.stderr.contains("needs two ranks: give -n 2"), "{}", ended.stderr);
}

#[test]
fn several_collectives_many_operations_at_once_and_ranks_as_threads() {
    let all = "all_reduce,broadcast,reduce,reduce_scatter,all_gather,gather,scatter,alltoall,sendrecv,barrier";
    for how in ["", "--threads", "--async 4", "--async 3 --group 5 --threads", "--group 4"] {
        let command =
            sealane(&format!("perf {all} -n 3 -b 600 -e 60K -f 100 --iters 10 -w 1 {how}"));
        let ended = run(command).expect(0);
        let rows = ended.stdout.lines().filter(|line| !line.starts_with('#')).count();
        assert!(rows > 9 * 2, "{how}: {}", ended.stdout);
        assert!(ended.stdout.contains("# Out of bounds values : 0 OK"), "{how}: {}", ended.stdout);
    }
}

#[test]
fn as_many_ranks_as_there_may_be_threads() {
    let command =
        sealane("perf all_reduce,barrier -n 64 --threads -b 8 -e 64K -f 8192 --iters 2 -w 1");
    let ended = run(command).expect(0);
    assert!(ended.stdout.contains("# ranks 64 hosts 1"), "{}", ended.stdout);
    assert!(ended.stdout.contains("# Out of bounds values : 0 OK"), "{}", ended.stdout);
    run(sealane("perf all_reduce -n 65 --threads")).expect(2).says("--threads: at most -n 64");
}
