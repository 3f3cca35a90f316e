//! The reference of the command line, as Markdown, from the same grammar that parses it.

use clap::{Arg, Command};

const HEAD: &str = "\
# The command line

This page is generated from the program (`SNAPSHOTS=overwrite cargo test --test it reference`); do not edit it.

Exit codes: 0 done, 1 something that you can mend, 2 the command line was not understood, 101 a mistake of rop itself.
Progress goes to standard error, results to standard output.
";

/// Returns the reference of all commands.
pub fn reference() -> String {
    let mut root = super::command().term_width(100);
    root.build();
    let mut text = HEAD.to_owned();
    text.push_str("\n## Options of every command\n\n");
    root.get_arguments().filter(|argument| argument.is_global_set()).for_each(|argument| option(&mut text, argument));
    root.get_subcommands().for_each(|command| section(&mut text, command, "rop"));
    text
}

fn section(text: &mut String, command: &Command, parent: &str) {
    let name = format!("{parent} {}", command.get_name());
    let children: Vec<&Command> = command.get_subcommands().collect();
    if children.is_empty() {
        let about = command.get_long_about().or(command.get_about()).map(ToString::to_string).unwrap_or_default();
        text.push_str(&format!("\n## {name}\n\n{about}\n\n```text\n{}\n```\n", usage(command, &name)));
        let own: Vec<&Arg> =
            command.get_arguments().filter(|argument| !argument.is_global_set() && is_shown(argument)).collect();
        if !own.is_empty() {
            text.push('\n');
        }
        own.into_iter().for_each(|argument| option(text, argument));
        if let Some(after) = command.get_after_help() {
            text.push_str(&format!("\n```text\n{}\n```\n", after.to_string().trim_end()));
        }
    }
    children.into_iter().for_each(|child| section(text, child, &name));
}

fn is_shown(argument: &Arg) -> bool {
    !argument.is_hide_set() && !["help", "version"].contains(&argument.get_id().as_str())
        || argument.get_long() == Some("version") && argument.get_action().takes_values()
}

fn usage(command: &Command, name: &str) -> String {
    let usage = command.clone().render_usage().to_string();
    let rest = usage.trim_start_matches("Usage:").trim();
    let arguments = rest.split_once(command.get_name()).map(|(_, arguments)| arguments).unwrap_or_default();
    format!("{name}{arguments}")
}

fn option(text: &mut String, argument: &Arg) {
    let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
    let values: Vec<String> = match argument.get_action().takes_values() && !argument.is_hide_possible_values_set() {
        true => argument.get_possible_values().iter().map(|value| format!("`{}`", value.get_name())).collect(),
        false => Vec::new(),
    };
    let values = if values.is_empty() { String::new() } else { format!(" ({})", values.join(", ")) };
    text.push_str(&format!("- `{argument}`: {help}{values}\n"));
}
