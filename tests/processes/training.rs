//! The training example: many ranks give the model of one.

use std::process::Command;

use crate::harness::{Ended, example, run, sealane};

/// Loss and accuracy of the last line, and the weights' checksum.
fn result(ended: &Ended) -> (f64, f64, String) {
    let line = |word: &str| {
        let found = ended.stdout.lines().find(|line| line.contains(word));
        found.unwrap_or_else(|| panic!("no {word:?} in {}", ended.stdout)).to_owned()
    };
    let words: Vec<String> = line("final loss").split_whitespace().map(str::to_owned).collect();
    let after = |word: &str| {
        let at = words.iter().position(|w| w == word).unwrap();
        words[at + 1].parse::<f64>().unwrap()
    };
    (after("loss"), after("accuracy"), line("weights"))
}

#[test]
fn many_ranks_give_the_model_of_one_process() {
    let program = example("train");
    let alone = {
        let mut command = Command::new(&program);
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        for name in ["RANK", "WORLD_SIZE", "SEALANE_RANK", "SEALANE_WORLD_SIZE"] {
            command.env_remove(name);
        }
        result(&run(command).expect(0))
    };
    assert!(alone.1 > 0.74, "it learns: {alone:?}");
    for world in [2, 4] {
        let mut command = sealane(&format!("launch -n {world} --"));
        command.arg(&program);
        let (loss, accuracy, weights) = result(&run(command).expect(0));
        assert!((loss - alone.0).abs() < 1e-9, "{loss} is not {}", alone.0);
        assert!((accuracy - alone.1).abs() < 1e-9, "{accuracy} is not {}", alone.1);
        assert!(weights.contains(&format!("the same on {world} ranks")), "{weights}");
    }
}
