//! What shells complete commands and options by, from the table of options.

use std::fmt::Write as _;

use super::table::{self, OptionEntry, Takers};
use super::tools::Takes;

/// The shells that are known.
pub(super) const SHELLS: [&str; 3] = ["bash", "zsh", "fish"];

/// The placeholders of arguments that are files.
const FILES: [&str; 2] = ["FILE", "PATH"];

/// The script for a shell; `None`: it is not known. `commands`: those with options, and what they take; `bare`: those
/// without.
pub(super) fn of_shell(
    shell: &str,
    commands: impl Iterator<Item = (&'static str, Takes)>,
    bare: &[&str],
) -> Option<String> {
    let commands: Vec<_> =
        commands.map(|(name, takes)| (name, takes.options(name).collect())).collect();
    let server: Vec<&OptionEntry> = table::options(Takers::Server).collect();
    match shell {
        "bash" => Some(of_bash(&server, &commands, bare)),
        "zsh" => Some(format!(
            "#compdef idetcd\nautoload -U +X bashcompinit && bashcompinit\n{}",
            of_bash(&server, &commands, bare)
        )),
        "fish" => Some(of_fish(&server, &commands, bare)),
        _ => None,
    }
}

type WithOptions = (&'static str, Vec<&'static OptionEntry>);

fn dashed(entries: &[&OptionEntry]) -> String {
    let words: Vec<String> = entries.iter().map(|entry| format!("--{}", entry.name)).collect();
    words.join(" ")
}

fn is_file(entry: &OptionEntry) -> bool {
    FILES.contains(&entry.argument)
}

fn names(commands: &[WithOptions], bare: &[&str]) -> String {
    let all: Vec<&str> =
        commands.iter().map(|(name, _)| *name).chain(bare.iter().copied()).collect();
    all.join(" ")
}

fn of_bash(server: &[&OptionEntry], commands: &[WithOptions], bare: &[&str]) -> String {
    let all =
        || server.iter().copied().chain(commands.iter().flat_map(|(_, own)| own.iter().copied()));
    let pattern = |is_meant: &dyn Fn(&OptionEntry) -> bool| {
        let mut words: Vec<String> =
            all().filter(|it| is_meant(it)).map(|entry| format!("--{}", entry.name)).collect();
        words.sort();
        words.dedup();
        words.join("|")
    };
    let files = pattern(&is_file);
    let has_text = |entry: &OptionEntry| !entry.argument.is_empty() && !is_file(entry);
    let texts = pattern(&|entry| has_text(entry) && entry.values().is_empty());
    let mut sets: Vec<_> = all().map(OptionEntry::values).filter(|set| !set.is_empty()).collect();
    sets.sort();
    sets.dedup();
    let (mut cases, mut values) = (String::new(), String::new());
    for set in sets {
        let (options, set) = (pattern(&|entry| entry.values() == set), set.join(" "));
        let _ = writeln!(
            values,
            "    {options}) COMPREPLY=($(compgen -W \"{set}\" -- \"$this\")); return ;;"
        );
    }
    for (name, own) in commands {
        let _ = writeln!(cases, "    {name}) words=\"{}\" ;;", dashed(own));
    }
    let (names, server, shells) = (names(commands, bare), dashed(server), SHELLS.join(" "));
    format!(
        "\
_idetcd() {{
  local this=${{COMP_WORDS[COMP_CWORD]}} last=${{COMP_WORDS[COMP_CWORD-1]}} words
  COMPREPLY=()
  [ \"$this\" = = ] && this=
  [ \"$last\" = = ] && last=${{COMP_WORDS[COMP_CWORD-2]}}
  case $last in
{values}    {files}) COMPREPLY=($(compgen -f -- \"$this\")); return ;;
    {texts}) return ;;
  esac
  case ${{COMP_WORDS[1]}} in
{cases}    help) words=\"{names}\" ;;
    completion) words=\"{shells}\" ;;
    version) words= ;;
    *) words=\"{server}\"; [ $COMP_CWORD = 1 ] && words=\"{names} $words\" ;;
  esac
  COMPREPLY=($(compgen -W \"$words\" -- \"$this\"))
}}
complete -F _idetcd idetcd"
    )
}

fn of_fish(server: &[&OptionEntry], commands: &[WithOptions], bare: &[&str]) -> String {
    let mut script = String::from("complete -c idetcd -f\n");
    let names = names(commands, bare);
    let _ = writeln!(script, "complete -c idetcd -n __fish_use_subcommand -a '{names}'");
    let seen = |name: &str| format!("'__fish_seen_subcommand_from {name}'");
    for name in ["help", "completion"] {
        let words = if name == "help" { names.clone() } else { SHELLS.join(" ") };
        let _ = writeln!(script, "complete -c idetcd -n {} -a '{words}'", seen(name));
    }
    let server = std::iter::once(("__fish_use_subcommand".to_owned(), server.to_vec()));
    let commands = commands.iter().map(|(name, own)| (seen(name), own.clone()));
    for (condition, entries) in server.chain(commands) {
        for entry in entries {
            let values = entry.values();
            let takes = match entry.argument {
                "" => "",
                _ if is_file(entry) => " -r -F",
                _ if values.is_empty() => " -x",
                _ => &format!(" -x -a '{}'", values.join(" ")),
            };
            let letter =
                if entry.letter.is_empty() { "" } else { &format!(" -s {}", entry.letter) };
            let help = entry.help.replace('\\', "").replace('\'', "\\'");
            let name = entry.name;
            let _ = writeln!(
                script,
                "complete -c idetcd -n {condition} -l {name}{letter}{takes} -d '{help}'"
            );
        }
    }
    script.trim_end().to_owned()
}
