#![allow(clippy::unwrap_used)]

use super::*;

fn sample() -> Table {
    let mut table = Table::new("t", "A table");
    table.columns = vec![
        Column::new("what", ""),
        Column::new("time", "µs"),
        Column::new("mean", "Gb/s"),
        Column::new("count", ""),
    ];
    table.push(["a, \"b\"".into(), 176.204.into(), Interval::of(&[1.0, 3.0]).into(), 7_u64.into()]);
    table.push(["long name".into(), Cell::Empty, Interval::of(&[2.0]).into()]);
    table
}

#[test]
fn words_stand_left_and_numbers_right() {
    let text = sample().text();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "what       time (µs)  mean (Gb/s)  count");
    assert_eq!(lines[2], "a, \"b\"         176.2       2 ± 13      7");
    assert_eq!(lines[3], "long name                       2");
}

#[test]
fn csv_quotes_and_separates_intervals() {
    let csv = sample().csv();
    let lines: Vec<&str> = csv.split("\r\n").collect();
    assert_eq!(lines[0], "what,time (µs),mean (Gb/s),mean ci95 (Gb/s),count");
    assert_eq!(lines[1], "\"a, \"\"b\"\"\",176.204,2,12.706,7");
    assert_eq!(lines[2], "long name,,2,,");
}

#[test]
fn json_has_units_and_rows_by_name() {
    let json = sample().json();
    assert_eq!(json["columns"][1]["unit"], "µs");
    assert_eq!(json["rows"][0]["mean"]["mean"], 2.0);
    assert_eq!(json["rows"][0]["count"], 7);
    assert!(json["rows"][1]["time"].is_null());
    assert!(json["rows"][1]["mean"]["ci95"].is_null(), "not a number is null");
}

#[test]
fn uncertainties_have_two_digits() {
    for (value, text) in [(12.706, "13"), (0.0123, "0.012"), (1.26, "1.3"), (345.6, "346")] {
        assert_eq!(rounded(value), text);
    }
}
