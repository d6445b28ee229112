//! Options about this node itself: who is told its name, and who it runs as.

use std::path::PathBuf;
use std::time::Duration;

use getopts::Matches;

use super::values::number;
use super::wrong;
use crate::failure::Failure;
use crate::host::accounts::RunAs;
use crate::notify::NotifySettings;

/// In seconds. Without any, what is begun at the end, `--on-lost` foremost, is killed at birth.
const GRACE: std::ops::RangeInclusive<u32> = 1..=86_400;

/// The command that a program follows.
pub(super) const EXEC: &str = "exec";

/// Splits `exec [OPTION]... -- PROGRAM [ARG]...`; all are options where the first word is another.
pub(super) fn split(arguments: &[String]) -> (&[String], Option<Vec<String>>) {
    let Some((_, rest)) = arguments.split_first().filter(|(word, _)| *word == EXEC) else {
        return (arguments, None);
    };
    let (options, words) = match rest.iter().position(|word| word == "--") {
        Some(end) => rest.split_at(end),
        None => (rest, &[][..]),
    };
    // Without the dashes. Whoever asks for help need not name a program.
    let program: Vec<String> = words.iter().skip(1).cloned().collect();
    (options, Some(program))
}

pub(super) fn notify(
    matches: &Matches,
    program: Option<Vec<String>>,
) -> Result<NotifySettings, Failure> {
    let name_file = file(matches, "name-file")?;
    let metrics_file = file(matches, "metrics-file")?;
    if name_file.is_some() && name_file == metrics_file {
        return wrong("metrics-file", "is the --name-file as well; give another file");
    }
    if program.as_ref().is_some_and(|words| words.first().is_none_or(String::is_empty)) {
        let text =
            "exec: the program is missing; write idetcd exec [OPTION]... -- PROGRAM [ARG]...";
        return Err(Failure::usage(text.to_owned()));
    }
    Ok(NotifySettings {
        name_file,
        on_claim: command(matches, "on-claim")?,
        on_lost: command(matches, "on-lost")?,
        grace: Duration::from_secs(number(matches, "grace", GRACE, 10)?.into()),
        program,
        metrics_file,
    })
}

fn file(matches: &Matches, option: &str) -> Result<Option<PathBuf>, Failure> {
    let Some(text) = matches.opt_str(option) else { return Ok(None) };
    let path = PathBuf::from(&text);
    if text.ends_with('/') || path.file_name().is_none() {
        return wrong(
            option,
            format!("{text:?} does not name a file; give one as in /run/idetcd/name"),
        );
    }
    Ok(Some(path))
}

fn command(matches: &Matches, option: &str) -> Result<Option<String>, Failure> {
    match matches.opt_str(option) {
        Some(text) if text.trim().is_empty() => {
            wrong(option, "the command is empty; give one for /bin/sh, or leave the option out")
        }
        text => Ok(text),
    }
}

pub(super) fn run_as(matches: &Matches) -> Result<Option<RunAs>, Failure> {
    let Some(text) = matches.opt_str("run-as") else { return Ok(None) };
    let (user, group) = match text.split_once(':') {
        Some((user, group)) => (user, Some(group)),
        None => (text.as_str(), None),
    };
    let is_name = |name: &str| !name.is_empty() && !name.contains([':', '\n']);
    if !is_name(user) || !group.is_none_or(is_name) {
        return wrong("run-as", format!("{text:?} is not USER or USER:GROUP, by name or number"));
    }
    Ok(Some(RunAs { user: user.to_owned(), group: group.map(str::to_owned) }))
}

#[cfg(test)]
mod tests {
    use super::super::{Command, Options, parse};
    use super::*;

    const EXEC: [&str; 3] = ["exec", "--pattern", "w{{.ID}}.tf.local."];

    fn parsed(arguments: &[&str]) -> Result<Options, String> {
        let arguments: Vec<String> = arguments.iter().map(|word| (*word).to_owned()).collect();
        match parse(&arguments, &|_, _| Ok(None)) {
            Ok(Command::Run(options)) => Ok(*options),
            Ok(other) => panic!("{other:?}"),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn what_follows_the_dashes_is_the_program_whatever_it_looks_like() {
        let more = ["--grace=3", "--", "torchrun", "--pattern", "-v", "--", "x y"];
        let options = parsed(&[&EXEC[..], &more].concat()).expect("right");
        let program = options.notify.program.expect("a program");
        assert_eq!(program, ["torchrun", "--pattern", "-v", "--", "x y"]);
        assert_eq!(options.notify.grace.as_secs(), 3);
        let options = parsed(&[&EXEC[1..], &["--run-as=a:b"]].concat()).expect("right");
        let run_as = RunAs { user: "a".to_owned(), group: Some("b".to_owned()) };
        assert_eq!((options.notify.program, options.run_as), (None, Some(run_as)));
        assert_eq!(options.notify.grace.as_secs(), 10);
    }

    #[test]
    fn what_makes_no_sense_is_told() {
        for (more, wanted) in [
            (&[][..], "exec: the program is missing; "),
            (&["--"], "exec: the program is missing; "),
            (&["--", ""], "exec: the program is missing; "),
            (&["stray", "--", "true"], "\"stray\" is no option"),
            (&["--name-file=", "--", "true"], "--name-file: \"\" does not name a file"),
            (&["--name-file=/run/", "--", "true"], "--name-file: \"/run/\" does not"),
            (&["--name-file=..", "--", "true"], "--name-file: \"..\" does not name"),
            (&["--metrics-file=/", "--", "true"], "--metrics-file: \"/\" does not name"),
            (&["--name-file=/a", "--metrics-file=/a", "--", "true"], "--metrics-file: is the"),
            (&["--on-claim= ", "--", "true"], "--on-claim: the command is empty"),
            (&["--on-lost=", "--", "true"], "--on-lost: the command is empty"),
            (&["--grace=x", "--", "true"], "--grace: \"x\" is not a whole number"),
            (&["--grace=0", "--", "true"], "--grace: \"0\" is not a whole number from 1 to"),
            (&["--run-as=:b", "--", "true"], "--run-as: \":b\" is not USER"),
        ] {
            let told = parsed(&[&EXEC[..], more].concat()).expect_err("wrong");
            assert!(told.starts_with(wanted), "{more:?}: {told}");
        }
    }
}
