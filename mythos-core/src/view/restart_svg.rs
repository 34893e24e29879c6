//! The drawing of a [`RestartDiagram`]: states on a grid, steps as curves around what they do not touch.

use std::fmt::Write;

use super::restart_diagram::{DiagramEdge, RestartDiagram, numbers, words};
use crate::restart::StateName;

const WIDTH: f64 = 1000.0;
const HEIGHT: f64 = 580.0;
/// Half the width and half the height of a state's box.
const HALF: Point = Point { x: 66.0, y: 18.0 };
/// How near a curve may come to a box that it passes.
const CLEARANCE: f64 = 7.0;
/// How many points of a curve are looked at.
const SAMPLES: u32 = 64;
/// The most characters of a name in the heading; the title holds it whole.
const MAX_NAME: usize = 40;

/// Colours for light and for dark; everything that they tell is also told by a number, a width or a dash.
const STYLE: &str = "\
.mythos-restart{font-family:system-ui,sans-serif;font-size:13px}
.mythos-restart .ground{fill:#ffffff}
.mythos-restart text{fill:#1b1f24}
.mythos-restart .note{font-size:12px;fill:#4d5761}
.mythos-restart .step{fill:none;stroke:#8b959f;stroke-width:1.2;stroke-dasharray:4 3}
.mythos-restart .head{fill:#8b959f}
.mythos-restart .taken .step{stroke:#0b57b0;stroke-width:2.4;stroke-dasharray:none}
.mythos-restart .taken .head{fill:#0b57b0}
.mythos-restart .label{fill:#ffffff;stroke:#0b57b0}
.mythos-restart .number{fill:#0b57b0;font-size:12px;font-weight:600;text-anchor:middle}
.mythos-restart .state{fill:#f4f6f8;stroke:#8b959f}
.mythos-restart .name{text-anchor:middle}
.mythos-restart .visited .state{fill:#e2edfa;stroke:#0b57b0;stroke-width:2.4}
.mythos-restart .current .state{fill:#0b57b0;stroke:#0b57b0;stroke-width:2.4}
.mythos-restart .current .name{fill:#ffffff;font-weight:600}
@media (prefers-color-scheme:dark){
.mythos-restart .ground{fill:#14181d}
.mythos-restart text{fill:#e8ebee}
.mythos-restart .note{fill:#aab4be}
.mythos-restart .step{stroke:#727d88}
.mythos-restart .head{fill:#727d88}
.mythos-restart .taken .step{stroke:#7ab8ff}
.mythos-restart .taken .head{fill:#7ab8ff}
.mythos-restart .label{fill:#14181d;stroke:#7ab8ff}
.mythos-restart .number{fill:#7ab8ff}
.mythos-restart .state{fill:#20262d;stroke:#727d88}
.mythos-restart .visited .state{fill:#1d3350;stroke:#7ab8ff}
.mythos-restart .current .state{fill:#7ab8ff;stroke:#7ab8ff}
.mythos-restart .current .name{fill:#0c1116}
}
";

#[derive(Debug, Clone, Copy, PartialEq)]
struct Point {
    x: f64,
    y: f64,
}

/// A quadratic Bézier curve.
#[derive(Debug, Clone, Copy)]
struct Curve {
    from: Point,
    control: Point,
    to: Point,
}

/// The diagram as an SVG document.
pub(super) fn draw(diagram: &RestartDiagram) -> String {
    let mut svg = String::with_capacity(16 * 1024);
    // Writing to a string cannot fail, here and below.
    let _ = writeln!(
        svg,
        r#"<svg xmlns="http://www.w3.org/2000/svg" class="mythos-restart" role="img" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}">"#
    );
    let _ = writeln!(svg, "<title>{}</title>", escaped(&diagram.title()));
    let _ = writeln!(svg, "<desc>{}</desc>", escaped(&diagram.description()));
    let _ = writeln!(svg, "<style>{STYLE}</style>");
    let _ = writeln!(svg, r#"<rect class="ground" width="{WIDTH}" height="{HEIGHT}"/>"#);
    heading(&mut svg, diagram);
    let drawn: Vec<_> = diagram.edges.iter().filter(|edge| edge.is_drawn()).collect();
    let mut labels = Labels::default();
    if let Some(first) = diagram.path.first() {
        beginning(&mut svg, &mut labels, first.state);
    }
    for taken in [false, true] {
        for edge in drawn.iter().filter(|edge| edge.taken.is_empty() != taken) {
            let has_reverse = drawn.iter().any(|other| (other.from, other.to) == (edge.to, edge.from));
            step(&mut svg, &mut labels, edge, has_reverse);
        }
    }
    for state in StateName::ALL {
        node(&mut svg, diagram, state);
    }
    // Above everything else: a number that is covered is lost.
    svg.push_str(&labels.svg);
    svg.push_str("</svg>\n");
    svg
}

fn heading(svg: &mut String, diagram: &RestartDiagram) {
    let (assistant, supervisor) =
        (shortened(diagram.assistant.as_str()), shortened(diagram.supervisor.as_str()));
    let incident =
        diagram.incident.map_or_else(|| "no incident".to_owned(), |number| format!("incident {number}"));
    let text = format!("{assistant} under {supervisor}, {incident}: {}", words(diagram.state));
    let _ = writeln!(svg, r#"<text x="24" y="32">{}</text>"#, escaped(&text));
    let mut notes = vec![
        "Numbered: the steps of the incident, in order. Dashed: the other steps of a recovery. Filled: where it stands."
            .to_owned(),
        "Requests and groups lead from nearly every state to others; such steps are drawn if they were taken.".to_owned(),
    ];
    if let Some(number) = diagram.gap_after {
        notes.push(format!("After number {number}, steps are left out."));
    }
    for (line, note) in (0_u32..).zip(&notes) {
        let y = HEIGHT - 56.0 + 18.0 * f64::from(line);
        let _ = writeln!(svg, r#"<text class="note" x="24" y="{y}">{note}</text>"#);
    }
}

/// The middle of a state's box.
const fn place(state: StateName) -> Point {
    let (column, row) = match state {
        StateName::Running => (0.0, 0.0),
        StateName::Failed => (1.0, 0.0),
        StateName::BackingOff => (2.0, 0.0),
        StateName::Restoring => (3.0, 0.0),
        StateName::MythpathReady => (0.0, 1.0),
        StateName::Verifying => (2.0, 1.0),
        StateName::Aligning => (3.0, 1.0),
        StateName::Stopped => (0.0, 3.0),
        StateName::Completed => (1.0, 2.0),
        StateName::GivenUp => (2.0, 2.0),
        StateName::AwaitingOperator => (3.0, 2.0),
        StateName::Stopping => (1.0, 3.0),
        StateName::Waiting => (2.0, 3.0),
        // The enumeration grows with the machine; a test holds that every state of it has a place of its own.
        #[allow(unreachable_patterns, reason = "the enumeration is non-exhaustive for others")]
        _ => (0.0, 2.0),
    };
    Point { x: 110.0 + 250.0 * column, y: 120.0 + 112.0 * row }
}

fn node(svg: &mut String, diagram: &RestartDiagram, state: StateName) {
    let Point { x, y } = place(state);
    let class = match (state == diagram.state, diagram.is_visited(state)) {
        (true, _) => r#" class="current""#,
        (false, true) => r#" class="visited""#,
        (false, false) => "",
    };
    let (left, top) = (x - HALF.x, y - HALF.y);
    let _ = writeln!(
        svg,
        r#"<g{class}><rect class="state" x="{left}" y="{top}" width="{}" height="{}" rx="8"/><text class="name" x="{x}" y="{}">{}</text></g>"#,
        2.0 * HALF.x,
        2.0 * HALF.y,
        y + 4.5,
        words(state)
    );
}

/// Where the path begins: what came before it is on no record.
fn beginning(svg: &mut String, labels: &mut Labels, state: StateName) {
    let at = place(state);
    let from = Point { x: at.x - 40.0, y: at.y - HALF.y - 32.0 };
    let to = Point { x: at.x - 40.0, y: at.y - HALF.y };
    let _ = writeln!(svg, r#"<g class="taken"><circle class="head" cx="{}" cy="{}" r="5"/>"#, from.x, from.y);
    arrow(svg, &Curve { from, control: from.middle(to), to });
    svg.push_str("</g>\n");
    labels.put("1", [Point { x: from.x, y: from.y + 14.0 }]);
}

fn step(svg: &mut String, labels: &mut Labels, edge: &DiagramEdge, has_reverse: bool) {
    let is_taken = !edge.taken.is_empty();
    let _ = write!(svg, "<g{}>", if is_taken { r#" class="taken""# } else { "" });
    let _ = write!(svg, "<title>{} to {}</title>", words(edge.from), words(edge.to));
    // The middle of the step, or the next place along it that is free.
    let places = if edge.from == edge.to {
        let Point { x, y } = place(edge.from);
        let (left, right, top) = (x + 14.0, x + 50.0, y - HALF.y);
        let _ = write!(
            svg,
            r#"<path class="step" d="M{left:.1} {top:.1}C{left:.1} {:.1} {right:.1} {:.1} {right:.1} {:.1}"/>"#,
            top - 40.0,
            top - 40.0,
            top - 8.0
        );
        head(svg, Point { x: right, y: top - 9.0 }, Point { x: right, y: top });
        vec![Point { x: x + 32.0, y: top - 30.0 }]
    } else {
        let curve = route(edge.from, edge.to, has_reverse);
        arrow(svg, &curve);
        [0.5, 0.4, 0.6, 0.3, 0.7, 0.2, 0.8].map(|t| curve.at(t)).to_vec()
    };
    svg.push_str("</g>\n");
    if is_taken {
        labels.put(&numbers(&edge.taken), places);
    }
}

/// The curve between two states that touches no other, if one of a few does not, from box to box.
fn route(from: StateName, to: StateName, has_reverse: bool) -> Curve {
    let (a, b) = (place(from), place(to));
    // Two steps between the same states bend away from each other.
    let least = if has_reverse { 22.0 } else { 0.0 };
    let more = (2..=15).map(|tens| 20.0 * f64::from(tens)).flat_map(|bend| [bend, -bend]);
    let curve = |bend: f64| {
        let (along, middle) = (Point { x: b.x - a.x, y: b.y - a.y }, a.middle(b));
        let length = along.length();
        let control = Point { x: middle.x - along.y / length * bend, y: middle.y + along.x / length * bend };
        Curve { from: a, control, to: b }
    };
    let is_clear = |curve: &Curve| {
        let others = StateName::ALL.into_iter().filter(|state| *state != from && *state != to);
        let boxes: Vec<_> = others.map(place).collect();
        curve.points().all(|(_, point)| {
            let is_on_paper = point.x > 8.0 && point.x < WIDTH - 8.0 && point.y > 44.0;
            is_on_paper && boxes.iter().all(|place| !point.is_within(*place, CLEARANCE))
        })
    };
    let mut curves = std::iter::once(least).chain(more).map(curve);
    let chosen = curves.find(is_clear).unwrap_or_else(|| curve(least));
    let leaves = chosen.points().find(|(_, point)| !point.is_within(a, 0.0)).map_or(0.0, |(t, _)| t);
    let enters = chosen.points().filter(|(_, point)| !point.is_within(b, 0.0)).last().map_or(1.0, |(t, _)| t);
    chosen.part(leaves, enters)
}

fn arrow(svg: &mut String, curve: &Curve) {
    let Curve { from, control, to } = curve;
    let _ = write!(
        svg,
        r#"<path class="step" d="M{:.1} {:.1}Q{:.1} {:.1} {:.1} {:.1}"/>"#,
        from.x, from.y, control.x, control.y, to.x, to.y
    );
    head(svg, *control, *to);
}

/// The head of an arrow that comes from `from` and ends at `to`.
fn head(svg: &mut String, from: Point, to: Point) {
    let along = Point { x: to.x - from.x, y: to.y - from.y };
    let length = along.length().max(1.0);
    let (x, y) = (along.x / length, along.y / length);
    let (base_x, base_y) = (to.x - 10.0 * x, to.y - 10.0 * y);
    let _ = write!(
        svg,
        r#"<path class="head" d="M{:.1} {:.1}L{:.1} {:.1}L{:.1} {:.1}Z"/>"#,
        to.x,
        to.y,
        base_x - 4.5 * y,
        base_y + 4.5 * x,
        base_x + 4.5 * y,
        base_y - 4.5 * x
    );
}

/// The numbers of steps, each where it covers no other and no state, if there is such a place.
#[derive(Debug, Default)]
struct Labels {
    svg: String,
    /// The middle and half the width of each.
    placed: Vec<(Point, f64)>,
}

impl Labels {
    /// Half of a label's height.
    const HALF_HEIGHT: f64 = 9.0;

    /// Puts a label at the first of `places` that is free, or the first of all.
    fn put(&mut self, text: &str, places: impl IntoIterator<Item = Point> + Clone) {
        let half = 3.5 * text.chars().count() as f64 + 5.5;
        let is_free = |at: &Point| {
            let mut placed = self.placed.iter();
            let covers = |(other, width): &(Point, f64)| {
                (at.x - other.x).abs() < half + width && (at.y - other.y).abs() < 2.0 * Self::HALF_HEIGHT
            };
            let covers_state = |state: StateName| {
                let other = place(state);
                (at.x - other.x).abs() < half + HALF.x && (at.y - other.y).abs() < Self::HALF_HEIGHT + HALF.y
            };
            !placed.any(covers) && !StateName::ALL.into_iter().any(covers_state)
        };
        let free = places.clone().into_iter().find(is_free);
        let Some(at) = free.or_else(|| places.into_iter().next()) else { return };
        let _ = writeln!(
            self.svg,
            r#"<rect class="label" x="{:.1}" y="{:.1}" width="{:.1}" height="{:.1}" rx="9"/><text class="number" x="{:.1}" y="{:.1}">{text}</text>"#,
            at.x - half,
            at.y - Self::HALF_HEIGHT,
            2.0 * half,
            2.0 * Self::HALF_HEIGHT,
            at.x,
            at.y + 4.2
        );
        self.placed.push((at, half));
    }
}

impl Point {
    const fn middle(self, other: Self) -> Self {
        Self { x: f64::midpoint(self.x, other.x), y: f64::midpoint(self.y, other.y) }
    }

    fn length(self) -> f64 {
        (self.x * self.x + self.y * self.y).sqrt()
    }

    /// Whether it lies in the box around `place`, or nearer to it than `clearance`.
    fn is_within(self, place: Self, clearance: f64) -> bool {
        (self.x - place.x).abs() < HALF.x + clearance && (self.y - place.y).abs() < HALF.y + clearance
    }

    fn between(self, other: Self, t: f64) -> Self {
        Self { x: self.x + (other.x - self.x) * t, y: self.y + (other.y - self.y) * t }
    }
}

impl Curve {
    /// De Casteljau's algorithm.
    fn at(&self, t: f64) -> Point {
        self.from.between(self.control, t).between(self.control.between(self.to, t), t)
    }

    fn points(&self) -> impl Iterator<Item = (f64, Point)> {
        (0..=SAMPLES).map(|sample| {
            let t = f64::from(sample) / f64::from(SAMPLES);
            (t, self.at(t))
        })
    }

    /// The part from `start` to `end`: the blossom of the curve at both is its control point.
    fn part(&self, start: f64, end: f64) -> Self {
        let control =
            self.from.between(self.control, start).between(self.control.between(self.to, start), end);
        Self { from: self.at(start), control, to: self.at(end) }
    }
}

/// The beginning of a name that is too long for the heading.
fn shortened(name: &str) -> String {
    if name.chars().count() <= MAX_NAME {
        return name.to_owned();
    }
    name.chars().take(MAX_NAME - 1).chain(['…']).collect()
}

/// Text in XML 1.0: what could be markup is an entity (§2.4), what is no character of it (§2.2) a replacement.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => {
                escaped.push('\u{fffd}')
            }
            c => escaped.push(c),
        }
    }
    escaped
}
