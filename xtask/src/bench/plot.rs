//! The rounds as a plot: how steady the figures are, and how far from their neighbor's.

use std::path::Path;

use anyhow::{Context, Result};
use plotters::prelude::*;

use super::load::Rounds;

const SIZE: (u32, u32) = (1200, 420);
const OURS: RGBColor = RGBColor(0, 114, 178);
const PGBENCH: RGBColor = RGBColor(213, 94, 0);

/// Draws one panel a workload: requests a second by round, ours and pgbench's.
///
/// # Errors
/// When the file cannot be written.
pub fn draw(path: &Path, all: &[Rounds]) -> Result<()> {
    let root = SVGBackend::new(path, SIZE).into_drawing_area();
    root.fill(&WHITE).context("cannot draw the plot")?;
    let panels = root.split_evenly((1, all.len().max(1)));
    for (panel, rounds) in panels.iter().zip(all) {
        draw_panel(panel, rounds).context("cannot draw the plot")?;
    }
    root.present()
        .with_context(|| format!("cannot write {}", path.display()))
}

type Panel<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;

fn draw_panel(panel: &Panel<'_>, rounds: &Rounds) -> Result<()> {
    let ours = rounds.our_rates();
    let top = ours
        .iter()
        .chain(&rounds.pgbench)
        .copied()
        .fold(1.0, f64::max)
        * 1.35;
    let last = ours.len().max(2) as f64;
    let mut chart = ChartBuilder::on(panel)
        .caption(rounds.workload.name(), ("sans-serif", 20))
        .margin(12)
        .x_label_area_size(36)
        .y_label_area_size(64)
        .build_cartesian_2d(0.5..last + 0.5, 0.0..top)?;
    let mut mesh = chart.configure_mesh();
    mesh.disable_x_mesh()
        .max_light_lines(0)
        .x_labels(ours.len())
        .y_labels(6);
    mesh.x_desc("round").y_desc("a second");
    mesh.x_label_formatter(&|x| format!("{x:.0}"))
        .y_label_formatter(&|y| format!("{y:.0}"));
    mesh.draw()?;
    for (name, values, color) in [
        ("GPT Object Store", &ours, OURS),
        ("pgbench", &rounds.pgbench, PGBENCH),
    ] {
        let points: Vec<_> = (1..).map(f64::from).zip(values.iter().copied()).collect();
        let line = LineSeries::new(points.clone(), color.stroke_width(2));
        let key = move |(x, y)| PathElement::new(vec![(x, y), (x + 16, y)], color.stroke_width(2));
        chart.draw_series(line)?.label(name).legend(key);
        chart.draw_series(
            points
                .into_iter()
                .map(|point| Circle::new(point, 3, color.filled())),
        )?;
    }
    let mut labels = chart.configure_series_labels();
    labels
        .position(SeriesLabelPosition::UpperRight)
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK.mix(0.3));
    labels.draw()?;
    Ok(())
}
