#![allow(clippy::unwrap_used)]

use super::*;
use crate::{Axis, Column, Role, Series};

fn sample() -> Report {
    let mut report = Report::new("r", "Reports & <pages>");
    report.fact("seed", "7");
    report.warnings.push("cut short".to_owned());
    let mut table = Table::new("t", "T");
    table.columns = vec![Column::new("a", "")];
    table.push(["<b>".into()]);
    report.add(table);
    let mut plot = Plot::new("p", "P");
    plot.x = Axis::linear("x", "s");
    plot.y = Axis::linear("y", "B");
    plot.series.push(Series::new("s", Role::Measured).with_points([(0.0, 1.0), (1.0, 2.0)]));
    report.add(plot);
    report.add(Section::Listing { title: "configuration".into(), text: "a < b".into() });
    report
}

#[test]
fn a_page_needs_nothing_else_and_escapes_everything() {
    let html = sample().html();
    for needle in ["Reports &amp; &lt;pages&gt;", "&lt;b&gt;</td>", "a &lt; b", "cut short"] {
        assert!(html.contains(needle), "{needle}");
    }
    for foreign in ["<script", "http://", "https://", "@import", "url("] {
        let found = html.replace("http://www.w3.org/2000/svg", "").contains(foreign);
        assert!(!found, "{foreign}");
    }
}

#[test]
fn several_reports_have_a_list_of_contents() {
    let html = page("All", &[sample(), Report { name: "other".into(), ..sample() }]);
    assert!(html.contains("<a href=\"#other\">") && html.contains("<article id=\"other\">"));
    assert!(!sample().html().contains("<nav>"));
}

#[test]
fn files_are_named_by_what_they_hold_and_equal_each_time() {
    let names: Vec<String> = sample().files().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["r.html", "r.json", "t.csv", "p.svg"]);
    assert_eq!(sample().files(), sample().files());
    let json = sample().json();
    assert_eq!(json["facts"]["seed"], "7");
    assert_eq!(json["plots"][0]["series"][0]["points"][1]["y"], 2.0);
    assert_eq!(json["tables"][0]["rows"][0]["a"], "<b>");
}

#[test]
fn a_page_shows_the_beginning_of_a_long_table() {
    let mut table = Table::new("long", "Long");
    table.columns = vec![Column::new("n", "")];
    for n in 0..1234_u64 {
        table.push([n.into()]);
    }
    let mut report = Report::new("r", "R");
    report.add(table);
    let html = report.html();
    assert_eq!(html.matches("<td ").count(), 100);
    assert!(html.contains("<details><summary>Long: 1234 rows</summary>"));
    assert!(html.contains("1134 more rows are in long.csv."));
    assert!(
        report
            .files()
            .iter()
            .any(|(name, text)| name == "long.csv" && text.lines().count() == 1235)
    );
}
