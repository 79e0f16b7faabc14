#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;

/// Every text of an image: where it begins and ends along, its height, and what it says. Turned ones
/// are left out.
fn texts(svg: &str) -> Vec<(f64, f64, f64, String)> {
    let attribute = |element: &str, name: &str| -> Option<String> {
        let rest = element.split(&format!(" {name}=\"")).nth(1)?;
        Some(rest.split('"').next()?.to_owned())
    };
    let mut found = Vec::new();
    for element in svg.split("<text").skip(1) {
        let (Some(x), Some(y)) = (attribute(element, "x"), attribute(element, "y")) else {
            continue;
        };
        let (x, y): (f64, f64) = (x.parse().unwrap(), y.parse().unwrap());
        let said = element.split('>').nth(1).unwrap().split('<').next().unwrap().to_owned();
        let wide = text::width(&said, 12.0);
        let left = match attribute(element, "text-anchor").unwrap().as_str() {
            "middle" => x - wide / 2.0,
            "end" => x - wide,
            _ => x,
        };
        found.push((left, left + wide, y, said));
    }
    found
}

fn assert_legible(plot: &Plot) {
    let svg = plot.svg();
    let texts = texts(&svg);
    for (index, a) in texts.iter().enumerate() {
        assert!(a.0 >= 0.0 && a.1 <= 760.0, "{} leaves the image: {a:?}", plot.title);
        for b in &texts[index + 1..] {
            let beside = a.1 <= b.0 + 0.1 || b.1 <= a.0 + 0.1;
            assert!(beside || (a.2 - b.2).abs() >= 10.0, "{}: {a:?} meets {b:?}", plot.title);
        }
    }
    for wrong in ["NaN", "inf"] {
        assert!(
            !svg.contains(&format!("\"{wrong}")) && !svg.contains(&format!(" {wrong}")),
            "{svg}"
        );
    }
}

fn plot(x: Axis, y: Axis, points: Vec<(f64, f64)>) -> Plot {
    let mut plot = Plot::new("p", "Completion time of a permutation by the number of paths");
    (plot.x, plot.y) = (x, y);
    plot.series.push(Series::new("recycled entropies", Role::Measured).with_points(points.clone()));
    plot.series.push(Series::level("ideal", Role::Ideal, points[0].1 / 2.0));
    plot.series.push(Series::new("published (htsim)", Role::Published).with_points([points[0]]));
    plot
}

#[test]
fn labels_never_overlap_whatever_the_range() {
    let ranges: [&[f64]; 7] = [
        &[8.0, 16.0, 32.0, 64.0, 128.0, 256.0],
        &[1e-4, 1e-3, 1e-2, 0.1],
        &[0.0, 1e9],
        &[1_234_567.0, 1_234_568.0],
        &[5.0],
        &[0.001, 1e9],
        &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0, 13.0],
    ];
    for xs in ranges {
        for scale in [Axis::linear("paths", ""), Axis::log("paths", "")] {
            for y in [Axis::linear("time", "µs"), Axis::log("time", "µs")] {
                let points = xs.iter().map(|x| (*x, x * 21_029.5 + 0.5)).collect();
                assert_legible(&plot(scale.clone(), y, points));
            }
        }
    }
}

#[test]
fn many_long_names_break_or_turn() {
    for count in [1, 3, 9, 24] {
        let names = (0..count).map(|n| format!("a rather long category number {n}"));
        let points = (0..count).map(|n| (f64::from(n), f64::from(n) + 1.0)).collect();
        let mut plot = plot(Axis::names("kind", names), Axis::linear("time", "ms"), points);
        for more in 0..6 {
            let name = format!("another series with a name of some length {more}");
            plot.series.push(Series::new(name, Role::Measured).with_points([(0.0, 1.0)]));
        }
        assert_legible(&plot);
    }
}

#[test]
fn what_has_no_place_is_left_out() {
    let mut plot = plot(
        Axis::log("loss", ""),
        Axis::log("time", "µs"),
        vec![(0.0, 1.0), (0.1, 5.0), (1.0, f64::NAN), (2.0, 9.0)],
    );
    plot.series[0].points[1].spread = Some((-1.0, 7.0));
    let svg = plot.svg();
    assert_legible(&plot);
    assert!(svg.contains("recycled entropies, 0.1 : 5 ± 4 µs") || svg.contains("0.1: 5 ± 4 µs"));
    assert!(!svg.contains("recycled entropies, 0: 1"));
}

#[test]
fn nothing_measured_is_said() {
    let empty = Plot::new("p", "Nothing");
    assert!(empty.svg().contains("nothing was measured"));
}

#[test]
fn roles_look_different_without_colour() {
    let svg =
        plot(Axis::linear("x", ""), Axis::linear("y", ""), vec![(1.0, 2.0), (2.0, 3.0)]).svg();
    assert!(svg.contains("class=\"line ideal\"") && svg.contains("hollow published"));
    assert!(STYLE.contains(".ideal{stroke:var(--ink);stroke-dasharray"));
}

#[test]
fn a_distribution_of_thousands_stays_small() {
    let samples: Vec<f64> = (0..100_000).map(|n| f64::from(n % 977)).collect();
    let points = crate::statistics::distribution(&samples);
    let mut plot = plot(Axis::linear("time", "µs"), Axis::linear("share", ""), points);
    plot.series[0].mark = Mark::Steps;
    let svg = plot.svg();
    assert!(svg.len() < 40_000, "{} bytes", svg.len());
    assert_legible(&plot);
}

#[test]
fn ticks_are_round_and_hold_the_range() {
    assert_eq!(ticks::linear(0.0, 97.0, 6), [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]);
    assert_eq!(ticks::log(1.0, 1000.0, 4), [1.0, 10.0, 100.0, 1000.0]);
    assert_eq!(ticks::log(150.0, 250.0, 8), [200.0]);
    assert_eq!(ticks::linear(0.0, 0.0, 6).len(), 2);
}

#[test]
fn an_interval_of_what_cannot_be_negative_ends_at_zero() {
    let mut plot = plot(Axis::linear("x", ""), Axis::linear("goodput", "Gb/s"), vec![(1.0, 300.0)]);
    plot.series[0].points[0].spread = Some((-365.0, 965.0));
    let labels: Vec<String> = texts(&plot.svg()).into_iter().map(|(.., said)| said).collect();
    assert!(labels.contains(&"0".to_owned()) && labels.contains(&"1000".to_owned()), "{labels:?}");
    assert!(!labels.iter().any(|label| label.starts_with("-")), "{labels:?}");
}

#[test]
fn intervals_at_one_place_stand_beside_each_other() {
    let mut plot = plot(Axis::linear("x", ""), Axis::linear("y", ""), vec![(1.0, 2.0), (2.0, 3.0)]);
    plot.series[0].points.iter_mut().for_each(|point| point.spread = Some((1.0, 4.0)));
    plot.series.push(plot.series[0].clone());
    let svg = plot.svg();
    let whiskers: Vec<&str> = svg.lines().filter(|line| line.contains("whisker")).collect();
    let mut places: Vec<&str> =
        whiskers.iter().filter_map(|line| line.split("x1=\"").nth(1)?.split('"').next()).collect();
    places.sort_unstable();
    places.dedup();
    assert_eq!(places.len(), 8, "{places:?}");
}
