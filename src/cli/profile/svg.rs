//! The profile as a picture: the roofline with the stages on it, and their times as bars.

use std::fmt::{Display, Write};

use abpn::profile::{Ceilings, StageProfile};

use super::Report;

/// Width of the picture. This and all lengths below are in SVG's user units, pixels on most screens.
const WIDTH: f64 = 820.0;
/// Left edge of the plot and of the bars.
const LEFT: f64 = 190.0;
const RIGHT: f64 = WIDTH - 130.0;
/// Top edge of what comes first below the title.
const TOP: f64 = 70.0;
const PLOT_HEIGHT: f64 = 320.0;
/// Between the plot's lower edge and the bars, room for the axis and the next title.
const GAP: f64 = 100.0;
const BAR_HEIGHT: f64 = 16.0;
const BAR_STEP: f64 = 26.0;
/// Stages whose points lie closer than this share a label.
const SAME_POINT: f64 = 14.0;

const STYLE: &str = "\
svg { font: 13px sans-serif; background: #ffffff }
text { fill: #1f2328 } .title { font-size: 16px; font-weight: bold } .note { fill: #59636e }
.grid { stroke: #d1d9e0 } .roof { stroke: #0969da; stroke-width: 2; fill: none } .fma { stroke-dasharray: 6 4 }
.stage { fill: #bc4c00 } .spread { stroke: #1f2328; stroke-width: 2 }
@media (prefers-color-scheme: dark) {
  svg { background: #0d1117 }
  text { fill: #f0f6fc } .note { fill: #9198a1 }
  .grid { stroke: #3d444d } .roof { stroke: #4493f8 }
  .stage { fill: #f0883e } .spread { stroke: #f0f6fc }
}";

/// The picture, as text.
pub fn render(report: &Report) -> String {
    let mut canvas = Canvas(String::new());
    canvas.text("title", "start", 20.0, 30.0, "abpn profile");
    canvas.text("note", "start", 20.0, 50.0, report.title());
    let bars_top = match report.ceilings {
        None => TOP,
        Some(ceilings) => {
            roofline(&mut canvas, ceilings, &report.profile.stages);
            TOP + PLOT_HEIGHT + GAP
        }
    };
    let height = bars(&mut canvas, report, bars_top);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" \
         height=\"{height}\" role=\"img\">\n<title>abpn profile: {}</title>\n<style>\n{STYLE}\n</style>\n{}</svg>\n",
        escaped(&report.title()),
        canvas.0
    )
}

/// SVG elements, a line each. Writing to a string does not fail.
struct Canvas(String);

impl Canvas {
    fn text(&mut self, class: &str, anchor: &str, x: f64, y: f64, text: impl Display) {
        let text = escaped(&text.to_string());
        let _ = writeln!(
            self.0,
            "<text class=\"{class}\" text-anchor=\"{anchor}\" x=\"{x:.1}\" y=\"{y:.1}\">{text}</text>"
        );
    }

    fn line(&mut self, class: &str, [x1, y1]: [f64; 2], [x2, y2]: [f64; 2]) {
        let _ =
            writeln!(self.0, "<line class=\"{class}\" x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"/>");
    }

    fn point(&mut self, class: &str, [x, y]: [f64; 2], title: &str) {
        let title = escaped(title);
        let _ = writeln!(
            self.0,
            "<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"5\"><title>{title}</title></circle>"
        );
    }

    fn bar(&mut self, class: &str, [x, y]: [f64; 2], width: f64) {
        let _ = writeln!(
            self.0,
            "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{BAR_HEIGHT}\"/>"
        );
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// A logarithmic axis from one power of ten to another.
struct Axis {
    /// The powers' exponents.
    decades: [i32; 2],
    /// Where they lie in the picture.
    ends: [f64; 2],
}

impl Axis {
    /// The whole powers of ten around positive `values`.
    fn around(values: impl Iterator<Item = f64> + Clone, ends: [f64; 2]) -> Self {
        // An exponent of an f64 has at most three digits.
        #[expect(clippy::cast_possible_truncation, reason = "see above")]
        let exponent = |value: f64| value as i32;
        let values = values.filter(|value| value.is_normal() && *value > 0.0).map(f64::log10);
        let low = exponent(values.clone().fold(f64::INFINITY, f64::min).clamp(-300.0, 300.0).floor());
        let high = exponent(values.fold(f64::NEG_INFINITY, f64::max).clamp(-300.0, 300.0).ceil());
        Self { decades: [low.min(high), high.max(low + 1)], ends }
    }

    /// Where `value` lies; values beyond the axis at its end.
    fn place(&self, value: f64) -> f64 {
        let [low, high] = self.decades.map(f64::from);
        let part = ((value.max(f64::MIN_POSITIVE).log10() - low) / (high - low)).clamp(0.0, 1.0);
        self.ends[0] + part * (self.ends[1] - self.ends[0])
    }

    /// The powers of ten on it.
    fn ticks(&self) -> impl Iterator<Item = f64> + use<> {
        (self.decades[0]..=self.decades[1]).map(|decade| 10_f64.powi(decade))
    }
}

fn roofline(canvas: &mut Canvas, ceilings: Ceilings, stages: &[StageProfile]) {
    let bottom = TOP + PLOT_HEIGHT;
    let arithmetic = [ceilings.dot4_gops, ceilings.fma_gops];
    // Where the slope meets each ceiling.
    let ridges = arithmetic.map(|gops| gops / ceilings.copy_gb_per_s);
    let intensities = stages.iter().map(StageProfile::ops_per_byte);
    let x = Axis::around(intensities.clone().chain(ridges).chain(ridges.map(|ridge| ridge / 10.0)), [LEFT, RIGHT]);
    let y = Axis::around(stages.iter().map(StageProfile::gops).chain(arithmetic), [bottom, TOP]);

    for tick in x.ticks() {
        canvas.line("grid", [x.place(tick), TOP], [x.place(tick), bottom]);
        canvas.text("note", "middle", x.place(tick), bottom + 18.0, tick);
    }
    for tick in y.ticks() {
        canvas.line("grid", [LEFT, y.place(tick)], [RIGHT, y.place(tick)]);
        canvas.text("note", "end", LEFT - 8.0, y.place(tick) + 4.0, tick);
    }
    canvas.text("", "middle", (LEFT + RIGHT) / 2.0, bottom + 38.0, "operations a byte");
    canvas.text("", "end", LEFT - 50.0, TOP + 20.0, "GOP/s");

    // The slope is drawn to the higher ceiling, from where it enters the plot.
    let lowest_gops = y.ticks().next().unwrap_or_default();
    let least = x.ticks().next().unwrap_or_default().max(lowest_gops / ceilings.copy_gb_per_s);
    let highest = arithmetic[0].max(arithmetic[1]);
    let at = |intensity: f64, gops: f64| [x.place(intensity), y.place(gops)];
    let slope_end = highest / ceilings.copy_gb_per_s;
    canvas.line("roof", at(least, least * ceilings.copy_gb_per_s), at(slope_end, highest));
    canvas.text("note", "start", LEFT + 8.0, TOP - 8.0, format!("slope: {:.2} GB/s, copy", ceilings.copy_gb_per_s));
    // Labels on the right, apart from one another.
    let apart = y.place(arithmetic[0]) - y.place(arithmetic[1]);
    let shift =
        if apart.abs() >= 16.0 { 0.0 } else { (16.0 - apart.abs()) / 2.0 * if apart < 0.0 { -1.0 } else { 1.0 } };
    for ((class, name, shift), (gops, ridge)) in
        [("roof", "int8", shift), ("roof fma", "f32", -shift)].into_iter().zip(arithmetic.into_iter().zip(ridges))
    {
        canvas.line(class, at(ridge, gops), [RIGHT, y.place(gops)]);
        canvas.text("note", "start", RIGHT + 6.0, y.place(gops) + 4.0 + shift, format!("{name}: {gops:.1} GOP/s"));
    }

    // Points one on the other have one label with all their numbers.
    let mut labels: Vec<([f64; 2], String)> = Vec::new();
    for (index, stage) in stages.iter().enumerate() {
        let place = at(stage.ops_per_byte(), stage.gops());
        canvas.point("stage", place, &format!("{}: {:.2} GOP/s", stage.label, stage.gops()));
        let near = |label: &&mut ([f64; 2], String)| {
            (label.0[0] - place[0]).abs() < SAME_POINT && (label.0[1] - place[1]).abs() < SAME_POINT
        };
        match labels.iter_mut().find(near) {
            Some((_, text)) => *text = format!("{text}, {index}"),
            None => labels.push((place, index.to_string())),
        }
    }
    for ([left, top], text) in labels {
        canvas.text("", "middle", left, top + 22.0, text);
    }
}

/// Draws a bar for each stage and gives where the picture ends.
fn bars(canvas: &mut Canvas, report: &Report, top: f64) -> f64 {
    let stages = &report.profile.stages;
    let longest_ns = stages.iter().map(|stage| stage.time_ns.max).fold(f64::MIN_POSITIVE, f64::max);
    let place = |time_ns: f64| LEFT + time_ns / longest_ns * (RIGHT - LEFT);
    canvas.text("", "start", LEFT, top - 6.0, "time a frame: the median as a bar, least to largest as a line");
    for (index, stage) in (0_u32..).zip(stages) {
        let (bar_top, times) = (top + 6.0 + f64::from(index) * BAR_STEP, stage.time_ns);
        let middle = bar_top + BAR_HEIGHT / 2.0;
        canvas.text("", "end", LEFT - 8.0, middle + 4.0, &stage.label);
        canvas.bar("stage", [LEFT, bar_top], place(times.median) - LEFT);
        canvas.line("spread", [place(times.min), middle], [place(times.max), middle]);
        let note = format!("{:.3} ms, {:.1} %", times.median / 1e6, stage.share * 100.0);
        canvas.text("note", "start", RIGHT + 6.0, middle + 4.0, note);
    }
    top + 30.0 + stages.len() as f64 * BAR_STEP
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_spans_whole_decades() {
        let axis = Axis::around([3.0, 250.0].into_iter(), [0.0, 30.0]);
        assert_eq!(axis.ticks().collect::<Vec<_>>(), [1.0, 10.0, 100.0, 1000.0]);
        assert_eq!([0.0, 1.0, 100.0, 1e9].map(|value| axis.place(value)), [0.0, 0.0, 20.0, 30.0]);
        // Nothing to span, and one value only.
        assert_eq!(Axis::around([1.0].into_iter(), [0.0, 1.0]).ticks().count(), 2);
        assert!(Axis::around([0.0, f64::NAN].into_iter(), [0.0, 1.0]).place(5.0).is_finite());
    }
}
