//! What all commands that write share: showing a plan, and carrying it out.

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use crate::cli::context::{Context, OutputFormat};
use crate::cli::report::UserError;
use crate::cli::shell::Style;
use crate::plan::apply::apply;
use crate::plan::{Change, Doubt, Plan, unified_diff};

/// The flags of commands that write.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct WriteArgs {
    /// Show what would be written, and write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// Print the changes as a diff
    #[arg(long)]
    pub(crate) diff: bool,
}

/// A flag that may be given as `--flag`, `--flag=true` and `--flag=false`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum BoolFlag {
    /// Yes
    True,
    /// No
    False,
}

impl BoolFlag {
    pub(crate) fn get(self) -> bool {
        self == BoolFlag::True
    }
}

/// What became of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It was carried out.
    Written,
    /// There was nothing to do, or it was only shown.
    Untouched,
}

/// Shows a plan, and carries it out unless that was not wanted or the user must decide something first.
pub(crate) fn carry_out(ctx: &Context, args: &WriteArgs, plan: &Plan) -> anyhow::Result<Outcome> {
    let decided = plan.conflicts().next().is_none();
    if decided && !args.dry_run {
        apply(plan)?;
    }
    match ctx.output {
        OutputFormat::Json => ctx.shell.json(&as_json(args, plan)).context("failed to print the plan")?,
        OutputFormat::Text if decided => show(ctx, args, plan)?,
        OutputFormat::Text => show_conflicts(ctx, plan)?,
    }
    if !decided {
        return Err(unresolved(plan).into());
    }
    let outcome = if args.dry_run || plan.is_empty() { Outcome::Untouched } else { Outcome::Written };
    Ok(outcome)
}

fn show(ctx: &Context, args: &WriteArgs, plan: &Plan) -> anyhow::Result<()> {
    for (path, change) in plan.changes() {
        if let Some((verb, style)) = verb(change, args.dry_run) {
            ctx.shell.status_styled(style, verb, path);
        }
        let (Some((before, after)), true) = (change.sides(), args.diff) else { continue };
        let diff = unified_diff(path, before, after);
        ctx.shell.data(colored(ctx, &diff)).context("failed to print the diff")?;
    }
    plan.notes().iter().for_each(|note| ctx.shell.note(note));
    if plan.is_empty() {
        ctx.shell.status("Unchanged", plan.root().display());
    }
    Ok(())
}

/// Shows only what stands in the way, and how it differs from what rop would write.
fn show_conflicts(ctx: &Context, plan: &Plan) -> anyhow::Result<()> {
    for (path, change) in plan.changes() {
        let Change::Conflict { before, after, .. } = change else { continue };
        ctx.shell.status_styled(Style::Bad, "Conflict", path);
        let diff = unified_diff(path, Some(before), Some(after));
        ctx.shell.data(colored(ctx, &diff)).context("failed to print the diff")?;
    }
    Ok(())
}

fn verb(change: &Change, dry_run: bool) -> Option<(&'static str, Style)> {
    Some(match (change, dry_run) {
        (Change::Create { .. }, false) => ("Created", Style::Good),
        (Change::Create { .. }, true) => ("Would create", Style::Good),
        (Change::Update { .. }, false) => ("Updated", Style::Good),
        (Change::Update { .. }, true) => ("Would update", Style::Good),
        (Change::Delete { .. }, false) => ("Deleted", Style::Good),
        (Change::Delete { .. }, true) => ("Would delete", Style::Good),
        (Change::Unchanged | Change::Conflict { .. }, _) => return None,
    })
}

fn colored(ctx: &Context, diff: &str) -> String {
    let style = |line: &str| match line.as_bytes().first() {
        _ if line.starts_with("---") || line.starts_with("+++") => Style::Bold,
        Some(b'+') => Style::Good,
        Some(b'-') => Style::Bad,
        Some(b'@') => Style::Note,
        _ => Style::Plain,
    };
    diff.lines().map(|line| ctx.shell.paint(style(line), line) + "\n").collect()
}

fn as_json(args: &WriteArgs, plan: &Plan) -> Value {
    let change = |(path, change): (&String, &Change)| {
        let action = match change {
            Change::Create { .. } => "create",
            Change::Update { .. } => "update",
            Change::Delete { .. } => "delete",
            Change::Conflict { .. } => "conflict",
            Change::Unchanged => "unchanged",
        };
        let mut entry = json!({"path": path, "action": action});
        if let (Some((before, after)), true) = (change.sides(), args.diff) {
            entry["diff"] = unified_diff(path, before, after).into();
        }
        entry
    };
    let written = !args.dry_run && plan.conflicts().next().is_none() && !plan.is_empty();
    json!({
        "directory": plan.root().to_string_lossy(),
        "written": written,
        "changes": plan.changes().iter().map(change).collect::<Vec<_>>(),
        "notes": plan.notes(),
    })
}

fn unresolved(plan: &Plan) -> UserError {
    let paths: Vec<String> = plan.conflicts().map(|(path, _)| format!("`{path}`")).collect();
    let message = format!("nothing was written, since rop does not overwrite what you changed: {}", paths.join(", "));
    let mut error = UserError::new(message);
    let mut overwritable = false;
    for (path, doubt) in plan.conflicts() {
        match doubt {
            Doubt::Exists | Doubt::Edited => overwritable = true,
            Doubt::NoPlaceFor(fragments) => {
                for fragment in fragments {
                    let place = fragment.behind.as_ref().map(|line| format!(", behind `{}`,", line.trim()));
                    let lines = fragment.lines.trim_end_matches('\n').replace('\n', "\n    ");
                    let place = place.unwrap_or_default();
                    error = error.help(format!("add to `{path}`{place} and run the command again:\n    {lines}"));
                }
            }
        }
    }
    if overwritable {
        error = error.help("undo what you changed there, or pass `--force` to lose it");
    }
    error
}
