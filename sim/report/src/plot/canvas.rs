//! SVG, element by element.

use std::fmt::Write;

use super::text::escape;

/// An image that grows.
#[derive(Debug, Default)]
pub(super) struct Canvas {
    body: String,
}

/// Where a text is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

impl Anchor {
    const fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Middle => "middle",
            Self::End => "end",
        }
    }
}

/// The shape of a mark: series differ by it, not only by colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Circle,
    Square,
    Triangle,
    Diamond,
    Down,
}

impl Shape {
    /// The shape of the series with this index.
    pub fn of(index: usize) -> Self {
        [Self::Circle, Self::Square, Self::Triangle, Self::Diamond, Self::Down][index % 5]
    }
}

impl Canvas {
    pub fn line(&mut self, class: &str, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) {
        self.put(format_args!(
            "<line class=\"{class}\" x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"/>"
        ));
    }

    pub fn text(&mut self, class: &str, (x, y): (f64, f64), anchor: Anchor, text: &str) {
        let (anchor, text) = (anchor.name(), escape(text));
        self.put(format_args!(
            "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{text}</text>"
        ));
    }

    /// Text that is turned around its end.
    pub fn turned(
        &mut self,
        class: &str,
        (x, y): (f64, f64),
        angle: f64,
        anchor: Anchor,
        text: &str,
    ) {
        let (anchor, text) = (anchor.name(), escape(text));
        self.put(format_args!(
            "<text class=\"{class}\" transform=\"translate({x:.1} {y:.1}) rotate({angle})\" \
             text-anchor=\"{anchor}\">{text}</text>"
        ));
    }

    pub fn polyline(&mut self, class: &str, points: &[(f64, f64)]) {
        let mut list = String::new();
        for (x, y) in points {
            // Writing to a string cannot fail.
            let _ = write!(list, "{x:.1},{y:.1} ");
        }
        let list = list.trim_end();
        self.put(format_args!("<polyline class=\"{class}\" points=\"{list}\"/>"));
    }

    /// A mark of radius `r`; `hint` is shown when a pointer rests on it.
    pub fn mark(&mut self, class: &str, shape: Shape, (x, y): (f64, f64), r: f64, hint: &str) {
        let path = match shape {
            Shape::Circle => format!(
                "M{:.1} {y:.1}a{r} {r} 0 1 0 {} 0a{r} {r} 0 1 0 -{} 0z",
                x - r,
                2.0 * r,
                2.0 * r
            ),
            Shape::Square => {
                closed(&[(x - r, y - r), (x + r, y - r), (x + r, y + r), (x - r, y + r)])
            }
            Shape::Triangle => closed(&[
                (x, y - r * 1.2),
                (x + r * 1.15, y + r * 0.9),
                (x - r * 1.15, y + r * 0.9),
            ]),
            Shape::Diamond => {
                closed(&[(x, y - r * 1.3), (x + r * 1.3, y), (x, y + r * 1.3), (x - r * 1.3, y)])
            }
            Shape::Down => closed(&[
                (x, y + r * 1.2),
                (x + r * 1.15, y - r * 0.9),
                (x - r * 1.15, y - r * 0.9),
            ]),
        };
        if hint.is_empty() {
            self.put(format_args!("<path class=\"{class}\" d=\"{path}\"/>"));
        } else {
            let hint = escape(hint);
            self.put(format_args!(
                "<path class=\"{class}\" d=\"{path}\"><title>{hint}</title></path>"
            ));
        }
    }

    /// The whole image.
    pub fn finish(self, (width, height): (f64, f64), title: &str, style: Option<&str>) -> String {
        let (title, body) = (escape(title), self.body);
        let style = style.map(|style| format!("<style>{style}</style>\n")).unwrap_or_default();
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"plot\" viewBox=\"0 0 {width:.0} {height:.0}\" \
             width=\"{width:.0}\" height=\"{height:.0}\" role=\"img\" aria-label=\"{title}\">\n{style}\
             <rect class=\"surface\" width=\"{width:.0}\" height=\"{height:.0}\"/>\n{body}</svg>\n"
        )
    }

    fn put(&mut self, element: std::fmt::Arguments<'_>) {
        let _ = writeln!(self.body, "{element}");
    }
}

fn closed(points: &[(f64, f64)]) -> String {
    let mut path = String::new();
    for (index, (x, y)) in points.iter().enumerate() {
        let _ = write!(path, "{}{x:.1} {y:.1}", if index == 0 { 'M' } else { 'L' });
    }
    path.push('z');
    path
}
