//! Bars as an SVG image, readable on light and dark pages: the image has a background of its own, and both follow the reader's colour scheme.

use std::fmt::Write as _;

/// Bars of one quantity.
pub(super) struct Panel<'a> {
    /// What the bars show, with its unit.
    pub(super) title: &'a str,
    /// Name and value, which is not negative; the first one is ours.
    pub(super) bars: Vec<(&'a str, f64)>,
}

const STYLE: &str = ".page{fill:#fff}.text{fill:#1f2328}.bar{fill:#8c959f}.ours{fill:#0969da}\
@media(prefers-color-scheme:dark){.page{fill:#0d1117}.text{fill:#e6edf3}.bar{fill:#6e7681}.ours{fill:#4493f8}}";
/// Pixels of the whole width, of the names' column, of the longest bar, and of a line.
const WIDTH: usize = 720;
const NAMES: usize = 190;
const LONGEST: f64 = 440.0;
const LINE: usize = 26;

/// The image, panel below panel.
pub(super) fn svg(panels: &[Panel<'_>]) -> String {
    let lines: usize = panels.iter().map(|panel| panel.bars.len() + 2).sum();
    let height = lines * LINE + LINE / 2;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"system-ui,sans-serif\" font-size=\"14\">\n\
         <style>{STYLE}</style>\n<rect class=\"page\" width=\"{WIDTH}\" height=\"{height}\"/>\n"
    );
    let mut top = LINE;
    for panel in panels {
        text(&mut svg, 12.0, top, " font-weight=\"600\"", panel.title);
        let most = panel.bars.iter().map(|(_, value)| *value).fold(f64::MIN_POSITIVE, f64::max);
        for (number, (name, value)) in panel.bars.iter().enumerate() {
            top += LINE;
            let (class, length) = (if number == 0 { "ours" } else { "bar" }, value / most * LONGEST);
            text(&mut svg, NAMES as f64 - 8.0, top, " text-anchor=\"end\"", name);
            let (y, height) = (top - 14, LINE - 8);
            writeln!(
                svg,
                "<rect class=\"{class}\" x=\"{NAMES}\" y=\"{y}\" width=\"{length:.1}\" height=\"{height}\"/>"
            )
            .expect("a String takes any text");
            text(&mut svg, NAMES as f64 + length + 6.0, top, "", &format!("{value:.0}"));
        }
        top += 2 * LINE;
    }
    svg + "</svg>\n"
}

fn text(svg: &mut String, x: f64, y: usize, attributes: &str, text: &str) {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    writeln!(svg, "<text class=\"text\" x=\"{x:.0}\" y=\"{y}\"{attributes}>{text}</text>")
        .expect("a String takes any text");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_bar_is_the_greatest_value() {
        let panels = [
            Panel { title: "MB & s", bars: vec![("ours", 50.0), ("theirs", 200.0)] },
            Panel { title: "none", bars: vec![("ours", 0.0)] },
        ];
        let svg = svg(&panels);
        let widths: Vec<_> = svg.lines().filter(|line| line.contains("x=\"190\"")).collect();
        for (line, part) in
            widths.iter().zip(["\"ours\" x=\"190\" y=\"38\" width=\"110.0\"", "width=\"440.0\"", "width=\"0.0\""])
        {
            assert!(line.contains(part), "{line}");
        }
        assert!(svg.contains("MB &amp; s") && widths.len() == 3, "{svg}");
        assert!(svg.contains(">200</text>") && svg.ends_with("</svg>\n"));
    }
}
