//! From a plot to an image.

use super::axis::{LABEL, Placed};
use super::canvas::{Anchor, Canvas, Shape};
use super::legend::Legend;
use super::text::{width, wrap};
use super::{Mark, Plot, Point, Role, Scale, Series};
use crate::number;

/// Width of every plot, in pixels.
const WIDTH: f64 = 760.0;
/// Height of the area inside the axes.
const INSIDE: f64 = 300.0;
/// Room around everything.
const MARGIN: f64 = 16.0;
/// Size of a title, and from one line of it to the next.
const TITLE: (f64, f64) = (15.0, 20.0);
/// From one series' interval to the next one's, where they have the same place.
const BESIDE: f64 = 6.0;
/// From one line of labels to the next.
const LINE: f64 = 15.0;

/// How a series looks: classes of the style, and the shape of its marks.
#[derive(Clone, Debug)]
pub(super) struct Look {
    pub stroke: String,
    pub fill: String,
    pub shape: Shape,
    pub has_line: bool,
}

/// The area inside the axes.
struct Area {
    x: Placed,
    y: Placed,
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
}

/// The image of a plot, with its style or without.
pub(super) fn svg(plot: &Plot, style: Option<&str>) -> String {
    let mut canvas = Canvas::default();
    let mut y = MARGIN;
    for line in wrap(&plot.title, TITLE.0, WIDTH - 2.0 * MARGIN) {
        canvas.text("title", (MARGIN, y + TITLE.0), Anchor::Start, &line);
        y += TITLE.1;
    }
    let (Some(reach_x), Some(reach_y)) = (plot.reach_x().or(Some((0.0, 1.0))), plot.reach_y())
    else {
        canvas.text("label", (WIDTH / 2.0, y + 60.0), Anchor::Middle, "nothing was measured");
        return canvas.finish((WIDTH, y + 100.0), &plot.title, style);
    };
    let looks = looks(plot);
    let legend = Legend::new(plot, y + 6.0, (MARGIN, WIDTH - MARGIN));
    legend.draw(plot, &looks, &mut canvas);
    let top = legend.bottom + 14.0;
    let up = Placed::up(&plot.y, reach_y, (top + INSIDE, top));
    let labels = up.ticks.iter().map(|(_, text)| width(text, LABEL)).fold(0.0, f64::max);
    // The last label along stands half beside the plot.
    let beyond = width(&number::tick(reach_x.1), LABEL) / 2.0;
    let (left, right) = (MARGIN + LABEL + 12.0 + labels + 8.0, WIDTH - MARGIN - beyond.max(6.0));
    let along = Placed::along(&plot.x, reach_x, plot.few_x(), (left, right));
    let area = Area { x: along, y: up, left, right, top, bottom: top + INSIDE };
    let below = axes(plot, &area, &mut canvas);
    for (index, series) in plot.series.iter().enumerate() {
        draw_series(plot, index, series, &looks[index], &area, &mut canvas);
    }
    canvas.finish((WIDTH, below + MARGIN), &plot.title, style)
}

fn looks(plot: &Plot) -> Vec<Look> {
    let mut colour = 0;
    let look = |series: &Series| {
        let (stroke, fill) = match series.role {
            Role::Measured => {
                colour += 1;
                let index = (colour - 1) % 8;
                (format!("s{index}"), format!("mark f{index}"))
            }
            Role::Ideal => ("ideal".to_owned(), "mark ideal-mark".to_owned()),
            Role::Published => ("published".to_owned(), "hollow published".to_owned()),
            Role::Limit => ("limit".to_owned(), String::new()),
        };
        let places = plot.x.scale != Scale::Category;
        let connects = places && series.mark != Mark::Dots && series.points.len() > 1;
        let has_line = connects && series.role != Role::Published || series.level;
        Look { stroke, fill, shape: Shape::of(colour.max(1) - 1), has_line }
    };
    plot.series.iter().map(look).collect()
}

/// Grid, axes and labels. Returns where they end.
fn axes(plot: &Plot, area: &Area, canvas: &mut Canvas) -> f64 {
    for (value, label) in &area.y.ticks {
        let Some(y) = area.y.at(*value) else { continue };
        canvas.line("grid", (area.left, y), (area.right, y));
        canvas.text("tick", (area.left - 8.0, y + 4.0), Anchor::End, label);
    }
    canvas.line("base", (area.left, area.bottom), (area.right, area.bottom));
    let mut below = if area.x.is_category() { names(area, canvas) } else { numbers(area, canvas) };
    let heading = plot.x.heading();
    if !heading.is_empty() {
        below += 18.0;
        canvas.text("label", ((area.left + area.right) / 2.0, below), Anchor::Middle, &heading);
    }
    let middle = (area.top + area.bottom) / 2.0;
    let beside = (MARGIN + LABEL, middle);
    canvas.turned("label", beside, -90.0, Anchor::Middle, &plot.y.heading());
    below + 4.0
}

fn numbers(area: &Area, canvas: &mut Canvas) -> f64 {
    for (value, label) in &area.x.ticks {
        let Some(x) = area.x.at(*value) else { continue };
        canvas.line("base", (x, area.bottom), (x, area.bottom + 5.0));
        canvas.text("tick", (x, area.bottom + 19.0), Anchor::Middle, label);
    }
    area.bottom + 19.0
}

/// Names of categories: broken into lines, or turned where a word is wider than its place.
fn names(area: &Area, canvas: &mut Canvas) -> f64 {
    let room = area.x.band() - 8.0;
    let broken: Vec<Vec<String>> =
        area.x.ticks.iter().map(|(_, name)| wrap(name, LABEL, room)).collect();
    let longest = |lines: &Vec<String>| lines.iter().map(|l| width(l, LABEL)).fold(0.0, f64::max);
    if broken.iter().all(|lines| longest(lines) <= room && lines.len() <= 4) {
        for ((value, _), lines) in area.x.ticks.iter().zip(&broken) {
            let Some(x) = area.x.at(*value) else { continue };
            for (line, text) in (0_u32..).zip(lines) {
                let y = area.bottom + 19.0 + LINE * f64::from(line);
                canvas.text("tick", (x, y), Anchor::Middle, text);
            }
        }
        let deepest = broken.iter().map(Vec::len).max().unwrap_or(1);
        return area.bottom + 4.0 + LINE * deepest as f64;
    }
    let mut deepest = 0.0_f64;
    for (value, name) in &area.x.ticks {
        let Some(x) = area.x.at(*value) else { continue };
        canvas.turned("tick", (x + 4.0, area.bottom + 14.0), -35.0, Anchor::End, name);
        deepest = deepest.max(width(name, LABEL) * 0.574);
    }
    area.bottom + 18.0 + deepest
}

fn draw_series(
    plot: &Plot,
    index: usize,
    series: &Series,
    look: &Look,
    area: &Area,
    canvas: &mut Canvas,
) {
    let line = format!("line {}", look.stroke);
    if series.level {
        if let Some(y) = series.points.first().and_then(|point| area.y.at(point.y)) {
            canvas.line(&line, (area.left, y), (area.right, y));
        }
        return;
    }
    let points = series.thinned((plot.x.scale, plot.y.scale));
    if area.x.is_category() && matches!(series.role, Role::Ideal | Role::Limit) {
        for point in &points {
            across(point, &line, area, canvas);
        }
        return;
    }
    let shift = shift(plot, index, area);
    let places: Vec<(f64, f64)> = points
        .iter()
        .filter_map(|point| Some((area.x.at(point.x)? + shift, area.y.at(point.y)?)))
        .collect();
    if look.has_line {
        let path = if series.mark == Mark::Steps { steps(&places, area) } else { places.clone() };
        canvas.polyline(&line, &path);
    }
    for (point, (x, _)) in points.iter().zip(&places) {
        whisker(point, *x, look, area, canvas);
    }
    if series.has_marks() {
        let shape = if series.role == Role::Published { Shape::Diamond } else { look.shape };
        for (point, place) in points.iter().zip(&places) {
            canvas.mark(&look.fill, shape, *place, 4.5, &hint(plot, series, point));
        }
    }
}

/// A line over the whole place of a category.
fn across(point: &Point, class: &str, area: &Area, canvas: &mut Canvas) {
    let (Some(x), Some(y)) = (area.x.at(point.x), area.y.at(point.y)) else { return };
    let half = area.x.band() * 0.42;
    canvas.line(class, (x - half, y), (x + half, y));
}

/// How far the marks of a series stand beside their place, so that they do not hide each other: within
/// their category, or by a little where intervals would lie on each other.
fn shift(plot: &Plot, index: usize, area: &Area) -> f64 {
    let beside = |series: &&Series| match series.role {
        Role::Measured => area.x.is_category() || series.points.iter().any(|p| p.spread.is_some()),
        Role::Published => area.x.is_category(),
        Role::Ideal | Role::Limit => false,
    };
    if !beside(&&plot.series[index]) {
        return 0.0;
    }
    let all = plot.series.iter().filter(beside).count();
    let before = plot.series[..index].iter().filter(beside).count();
    let step = if area.x.is_category() {
        (area.x.band() * 0.7 / all.max(1) as f64).min(26.0)
    } else {
        BESIDE
    };
    (before as f64 - (all as f64 - 1.0) / 2.0) * step
}

/// From each point along to the next, then up.
fn steps(places: &[(f64, f64)], area: &Area) -> Vec<(f64, f64)> {
    let mut path = Vec::new();
    if let Some((x, _)) = places.first() {
        path.push((*x, area.bottom));
    }
    let mut last = area.bottom;
    for (x, y) in places {
        path.push((*x, last));
        path.push((*x, *y));
        last = *y;
    }
    path
}

fn whisker(point: &Point, x: f64, look: &Look, area: &Area, canvas: &mut Canvas) {
    let Some((low, high)) = point.spread else { return };
    let Some(top) = area.y.at(high) else { return };
    // The lower end of an interval may lie below what a logarithmic axis has.
    let bottom = area.y.at(low).unwrap_or(area.bottom).min(area.bottom);
    let class = format!("whisker {}", look.stroke);
    canvas.line(&class, (x, top), (x, bottom));
    for y in [top, bottom] {
        canvas.line(&class, (x - 4.0, y), (x + 4.0, y));
    }
}

/// What is said of a point when a pointer rests on it.
fn hint(plot: &Plot, series: &Series, point: &Point) -> String {
    let at = match plot.x.categories.get(point.x as usize) {
        Some(name) => name.clone(),
        None => format!("{} {}", number::short(point.x), plot.x.unit),
    };
    let spread = point.spread.map(|(low, high)| (high - low) / 2.0);
    let spread = spread.map(|half| format!(" ± {}", number::short(half))).unwrap_or_default();
    let value = number::short(point.y);
    format!("{}, {}: {value}{spread} {}", series.name, at.trim(), plot.y.unit)
}
