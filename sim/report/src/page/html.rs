//! One page that needs nothing else: no script, no font, no file beside it.

use std::fmt::Write;

use super::{Report, Section};
use crate::Table;
use crate::plot::{STYLE as PLOT_STYLE, escape};

const STYLE: &str = include_str!("style.css");

/// Letters of a fact that fit into a column.
const SHORT: usize = 28;

/// Rows from which on a table is folded up.
const FOLDED: usize = 32;

/// Rows of a table that a page shows at most; its file has all of them.
const ROWS_MAX: usize = 100;

/// The page of `reports`, with a list of contents if there are several.
#[must_use]
pub fn page(title: &str, reports: &[Report]) -> String {
    let mut body = String::new();
    if let [_, _, ..] = reports {
        put(&mut body, format_args!("<h1>{}</h1>\n<nav><ul>", escape(title)));
        for report in reports {
            let (name, title) = (escape(&report.name), escape(&report.title));
            put(&mut body, format_args!("<li><a href=\"#{name}\">{title}</a></li>"));
        }
        body.push_str("</ul></nav>\n");
    }
    for report in reports {
        article(report, reports.len() == 1, &mut body);
    }
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{}</title>\n\
         <style>\n{STYLE}{PLOT_STYLE}</style>\n</head>\n<body>\n<main>\n{body}</main>\n</body>\n</html>\n",
        escape(title)
    )
}

fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = out.write_fmt(text);
}

fn article(report: &Report, alone: bool, out: &mut String) {
    let (name, title) = (escape(&report.name), escape(&report.title));
    let level = if alone { 1 } else { 2 };
    put(out, format_args!("<article id=\"{name}\">\n<h{level}>{title}</h{level}>\n"));
    for warning in &report.warnings {
        put(out, format_args!("<p class=\"warning\" role=\"alert\">{}</p>\n", escape(warning)));
    }
    if !report.facts.is_empty() {
        out.push_str("<dl class=\"facts\">\n");
        for (name, value) in &report.facts {
            let class = if value.len() > SHORT { " class=\"wide\"" } else { "" };
            let (name, value) = (escape(name), escape(value));
            put(out, format_args!("<div{class}><dt>{name}</dt><dd>{value}</dd></div>\n"));
        }
        out.push_str("</dl>\n");
    }
    for section in &report.sections {
        match section {
            Section::Table(it) => table(it, out),
            Section::Plot(plot) => {
                put(out, format_args!("<figure>\n{}", plot.inline()));
                for note in &plot.notes {
                    put(out, format_args!("<figcaption>{}</figcaption>\n", escape(note)));
                }
                out.push_str("</figure>\n");
            }
            Section::Listing { title, text } => {
                let (title, text) = (escape(title), escape(text));
                put(
                    out,
                    format_args!(
                        "<details><summary>{title}</summary><pre>{text}</pre></details>\n"
                    ),
                );
            }
        }
    }
    for note in &report.notes {
        put(out, format_args!("<p class=\"note\">{}</p>\n", escape(note)));
    }
    out.push_str("</article>\n");
}

fn table(table: &Table, out: &mut String) {
    let class = |column: usize| if table.is_words(column) { "" } else { " class=\"number\"" };
    let (title, folded) = (escape(&table.title), table.rows.len() >= FOLDED);
    if folded {
        let rows = table.rows.len();
        put(out, format_args!("<details><summary>{title}: {rows} rows</summary>\n"));
    }
    out.push_str("<div class=\"table\"><table>\n");
    if !folded {
        put(out, format_args!("<caption>{title}</caption>\n"));
    }
    out.push_str("<thead><tr>");
    for (index, column) in table.columns.iter().enumerate() {
        let (class, heading) = (class(index), escape(&column.heading()));
        put(out, format_args!("<th scope=\"col\"{class}>{heading}</th>"));
    }
    out.push_str("</tr></thead>\n<tbody>\n");
    for row in table.rows.iter().take(ROWS_MAX) {
        out.push_str("<tr>");
        for (index, cell) in row.iter().enumerate() {
            let text = cell.text();
            let class = match class(index) {
                "" if text.len() < SHORT => " class=\"short\"",
                class => class,
            };
            put(out, format_args!("<td{class}>{}</td>", escape(&text)));
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody></table></div>\n");
    if let more @ 1.. = table.rows.len().saturating_sub(ROWS_MAX) {
        let name = escape(&table.name);
        put(out, format_args!("<p class=\"note\">{more} more rows are in {name}.csv.</p>\n"));
    }
    if folded {
        out.push_str("</details>\n");
    }
    for note in &table.notes {
        put(out, format_args!("<p class=\"note\">{}</p>\n", escape(note)));
    }
}
