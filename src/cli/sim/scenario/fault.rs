//! `[[fault]]`: what goes wrong, where, when, for how long, how often.

use sealane_sim::engine::Picos;
use sealane_sim::fabric::Stage;
use sealane_sim::scenario::{FaultKind, FaultSpec, Target};

use super::section::Section;
use super::source::Wrong;
use super::stage;

/// What goes wrong.
const KINDS: [&str; 8] =
    ["blackhole", "flapping", "rate", "loss", "impair", "pause", "crash", "partition"];

/// Keys that say where; a fault has one of them.
const TARGETS: [&str; 6] = ["cable", "one_way", "cables", "switch", "host", "pair"];

pub(super) fn read(section: &Section<'_>) -> Result<FaultSpec, Wrong> {
    Ok(FaultSpec {
        kind: kind(section)?,
        target: target(section)?,
        start: section.time("start")?.unwrap_or(Picos::ZERO),
        duration: section.time("duration")?,
        every: section.time("every")?,
        times: section.whole("times", 1..=1_000_000_u32)?.unwrap_or(1),
    })
}

fn kind(section: &Section<'_>) -> Result<FaultKind, Wrong> {
    let time = |key| section.need(key, section.time(key)?, "a time such as \"100us\"");
    Ok(match section.name("kind", &KINDS)? {
        "flapping" => FaultKind::Flapping { down: time("down")?, up: time("up")? },
        "rate" => {
            let rate = section.rate("rate")?;
            FaultKind::Rate(section.need("rate", rate, "a rate such as \"10Gbps\"")?)
        }
        "loss" => {
            let share = section.need("share", section.share("share")?, "a share such as \"1%\"")?;
            FaultKind::Impair(vec![Stage::Loss(share)])
        }
        "impair" => {
            let list = section.list("stages")?;
            let texts = section.need("stages", list, "a list such as [\"loss 1%\"]")?;
            let stages = texts.iter().map(|text| stage::parse(text)).collect::<Result<_, _>>();
            FaultKind::Impair(stages.map_err(|problem| section.wrong("stages", &problem))?)
        }
        "pause" => FaultKind::Pause,
        "crash" => FaultKind::Crash,
        "partition" => FaultKind::Partition,
        _ => FaultKind::Blackhole,
    })
}

fn target(section: &Section<'_>) -> Result<Target, Wrong> {
    let given: Vec<&str> = TARGETS.into_iter().filter(|key| section.has(key)).collect();
    let [key] = given.as_slice() else {
        let problem = format!("says where by exactly one of: {}", TARGETS.join(", "));
        return Err(section.wrong(given.last().copied().unwrap_or("kind"), &problem));
    };
    let host = |key| section.whole(key, 0..=u32::MAX);
    Ok(match *key {
        "cable" => {
            let [a, b] = section.pair("cable")?.unwrap_or_default();
            Target::Cable { a, b }
        }
        "one_way" => {
            let [from, to] = section.pair("one_way")?.unwrap_or_default();
            Target::OneWay { from, to }
        }
        "cables" => cables(section)?,
        "switch" => Target::Switch(section.text("switch")?.unwrap_or_default()),
        "host" => Target::Host(host("host")?.unwrap_or_default()),
        _ => {
            let pair = section.pair("pair")?.unwrap_or_default();
            let number = |text: &String| {
                let digits = text.strip_prefix("host").unwrap_or(text);
                let problem = format!("`{text}` is no host: write its number, from 0");
                digits.parse().map_err(|_| section.wrong("pair", &problem))
            };
            Target::Pair { from: number(&pair[0])?, to: number(&pair[1])? }
        }
    })
}

/// All cables of a kind, or so many that the seed draws.
fn cables(section: &Section<'_>) -> Result<Target, Wrong> {
    let text = section.text("cables")?.unwrap_or_default();
    match text.as_str() {
        "all" => Ok(Target::AllCables),
        "core" => Ok(Target::CoreCables),
        "host" => Ok(Target::HostCables),
        count => {
            count.parse().ok().filter(|count| *count > 0).map(Target::AnyCables).ok_or_else(|| {
                let problem = format!(
                    "`{count}` is none of: all, core (between switches), host, or how many of the \
                 core's the seed draws"
                );
                section.wrong("cables", &problem)
            })
        }
    }
}
