//! The figures: as a table for people, as JSON for programs.

use std::fmt::Write;

use serde_json::{Value, json};

/// All figures of one run of the program.
pub(crate) struct Table {
    machine: Value,
    sections: Vec<Section>,
}

struct Section {
    name: String,
    rows: Vec<Row>,
    notes: Vec<String>,
}

/// A figure, measured several times.
pub(crate) struct Row {
    name: String,
    unit: &'static str,
    samples: Vec<f64>,
    beside: Option<(f64, String)>,
}

impl Row {
    /// Returns a figure.
    pub(crate) fn new(name: impl Into<String>, unit: &'static str, mut samples: Vec<f64>) -> Self {
        samples.sort_by(f64::total_cmp);
        Self { name: name.into(), unit, samples, beside: None }
    }

    /// Compares it with another figure of the same run.
    pub(crate) fn beside(mut self, other: &Row) -> Self {
        if other.median() > 0.0 {
            self.beside = Some((self.median() / other.median(), other.name.clone()));
        }
        self
    }

    fn median(&self) -> f64 {
        percentile(&self.samples, 0.5)
    }

    fn min(&self) -> f64 {
        percentile(&self.samples, 0.0)
    }

    fn max(&self) -> f64 {
        percentile(&self.samples, 1.0)
    }
}

/// Returns a percentile of sorted samples; 0 without any.
pub(crate) fn percentile(sorted: &[f64], part: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    sorted.get((last as f64 * part).round() as usize).copied().unwrap_or_default()
}

impl Table {
    pub(crate) fn new(machine: Value) -> Self {
        Self { machine, sections: Vec::new() }
    }

    /// Starts a section.
    pub(crate) fn section(&mut self, name: &str) {
        self.sections.push(Section { name: name.to_owned(), rows: Vec::new(), notes: Vec::new() });
    }

    /// Adds a figure to the section.
    pub(crate) fn row(&mut self, row: Row) {
        if let Some(section) = self.sections.last_mut() {
            section.rows.push(row);
        }
    }

    /// Says how the figures of the section came about.
    pub(crate) fn note(&mut self, note: impl Into<String>) {
        if let Some(section) = self.sections.last_mut() {
            section.notes.push(note.into());
        }
    }

    /// Returns what stands above the figures.
    pub(crate) fn head(&self) -> String {
        let text = |name: &str| self.machine[name].as_str().unwrap_or("unknown").to_owned();
        let (cpus, load) = (&self.machine["cpus"], &self.machine["loadBefore"]);
        format!(
            "{} CPUs ({}), {}, load average before {load}\n\n{:<36} {:>12} {:>12} {:>12} {:>7}\n",
            cpus,
            text("cpu"),
            text("os"),
            "",
            "min",
            "median",
            "max",
            "samples",
        )
    }

    /// Returns the newest section as text.
    pub(crate) fn last_section(&self) -> String {
        self.sections.last().map_or_else(String::new, Section::text)
    }

    /// Returns everything as JSON.
    pub(crate) fn to_json(&self) -> String {
        let sections: Vec<Value> = self.sections.iter().map(Section::json).collect();
        format!("{:#}\n", json!({"machine": self.machine, "sections": sections}))
    }
}

impl Section {
    fn text(&self) -> String {
        let mut text = format!("{}\n", self.name);
        for row in &self.rows {
            let name = format!("{}, {}", row.name, row.unit);
            let figures = [row.min(), row.median(), row.max()].map(figure);
            let [min, median, max] = &figures;
            let beside = row
                .beside
                .as_ref()
                .map(|(ratio, other)| format!("   {} × {other}", figure(*ratio)))
                .unwrap_or_default();
            // Writing to a String does not fail.
            let _ = writeln!(text, "  {name:<34} {min:>12} {median:>12} {max:>12} {:>7}{beside}", row.samples.len());
        }
        for note in &self.notes {
            let _ = writeln!(text, "  ({note})");
        }
        text
    }

    fn json(&self) -> Value {
        let rows: Vec<Value> = (self.rows.iter())
            .map(|row| {
                let beside = row.beside.as_ref().map(|(ratio, other)| json!({"row": other, "ratio": ratio}));
                json!({
                    "name": row.name, "unit": row.unit, "min": row.min(), "median": row.median(), "max": row.max(),
                    "samples": row.samples, "beside": beside,
                })
            })
            .collect();
        json!({"name": self.name, "rows": rows, "notes": self.notes})
    }
}

/// Writes a figure with three digits that count.
fn figure(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 || size == 0.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}
