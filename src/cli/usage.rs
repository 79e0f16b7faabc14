//! What to say when the command line cannot be parsed: one line, as for every other error.

use std::process::ExitCode;

use clap::error::ErrorKind;

/// Prints what clap found: help and version as they are, anything else as one line that names the
/// cause and where to look. Returns the exit status, 2 for errors.
pub(super) fn report(error: &clap::Error) -> ExitCode {
    if matches!(
        error.kind(),
        ErrorKind::DisplayHelp
            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
            | ErrorKind::DisplayVersion
    ) {
        // A reader that closes the pipe has seen enough.
        let _ = error.print();
    } else {
        eprintln!("sealane: {}", one_line(&error.to_string()));
    }
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}

/// Clap's paragraphs (cause, possible values, tip, usage) as one line.
fn one_line(text: &str) -> String {
    let text = text.strip_prefix("error: ").unwrap_or(text);
    let (cause, usage) = match text.split_once("Usage: ") {
        Some((cause, rest)) => (cause, rest.lines().next()),
        None => (text.split("For more information").next().unwrap_or_default(), None),
    };
    let paragraphs = cause.split("\n\n").filter(|paragraph| !paragraph.trim().is_empty());
    let joined: Vec<String> = paragraphs
        .map(|paragraph| paragraph.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    let remedy = match usage {
        Some(usage) => format!("usage: {}", usage.trim()),
        None => "--help lists what there is".to_owned(),
    };
    format!("{}; {remedy}", joined.join("; "))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use clap::CommandFactory;

    use super::*;
    use crate::cli::Cli;

    fn said(arguments: &str) -> String {
        let words = std::iter::once("sealane").chain(arguments.split_whitespace());
        one_line(&Cli::command().try_get_matches_from(words).unwrap_err().to_string())
    }

    #[test]
    fn each_is_one_line_with_cause_and_remedy() {
        for (arguments, cause) in [
            ("perf all_reduce --frobnicate", "unexpected argument '--frobnicate' found; "),
            ("perf all_reduce --iter 3", "tip: a similar argument exists: '--iters'; usage: "),
            ("perf all_reduce -b 8X", "invalid value '8X' for '--minbytes <MIN>': "),
            ("perf", "required arguments were not provided: <all_reduce|broadcast|"),
            ("perf alreduce", "read, fetch_add]; tip: a similar value exists: 'all_reduce'; "),
            ("frobnicate", "unrecognized subcommand 'frobnicate'; usage: "),
        ] {
            let line = said(arguments);
            assert!(line.contains(cause), "{arguments}: {line}");
            assert!(!line.contains('\n') && !line.contains("  "), "{line}");
        }
    }
}
