//! Matched options → the settings of each room.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use getopts::Matches;
use log::LevelFilter;

use super::configuration;
use super::environment::Origins;
use super::forward;
use super::job;
use super::settings::Options;
use super::table::{CHECK, EXEC, Takers};
use super::transfers;
use super::values::{
    address, change_wait, command, etcd_timeout, filled, lease_ttl, number, optional_number, path,
    path_to_write, seconds, split, wrong,
};
use crate::cluster::{AddressChoice, Details, Keyspace, Names, NodeId, Pattern, ReverseNetwork};
use crate::connect::{Access, ConnectSettings, Endpoint, Password, User};
use crate::corefile::Corefile;
use crate::failure::Failure;
use crate::host::accounts::RunAs;
use crate::node::{NodeSettings, WhenFull};
use crate::notify::{ChangeSettings, NotifySettings, ProgramSettings, ReadyWhen, WhenInDoubt};

/// The longest `--prefix`, in octets: a bound, not a rule of etcd's.
const LONGEST_PREFIX: usize = 1024;

/// Reads all settings of those who take the options; each wins over the file. `program`: the words after
/// `exec … --`.
///
/// # Errors
/// When an option or the file cannot be followed.
pub(super) fn options(
    matches: &Matches,
    mut file: Option<Corefile>,
    program: Option<Vec<String>>,
    takers: Takers,
) -> Result<Options, Failure> {
    let keyspace = keyspace(matches, file.as_mut())?;
    let endpoints = configuration::endpoints(matches, file.as_ref())?;
    let mut node = node(matches, keyspace)?;
    let shortest_lease = node.lease_ttl.shortest();
    let mut notify = notify(matches, program, shortest_lease)?;
    if matches!(takers, Takers::Tool(EXEC | CHECK)) {
        let when_in_doubt = job::when_in_doubt(matches)?;
        notify.program = notify.program.map(|it| ProgramSettings { when_in_doubt, ..it });
        (node.job, notify.list) = job::job(matches, &node.keyspace)?.unzip();
        let list = notify.list.as_ref().and_then(|list| list.file.as_ref());
        if list.is_some_and(|path| is_written(&notify, path)) {
            return wrong("list-file", "is another file's as well; give another one");
        }
    }
    let ready_file = path_to_write(matches, "ready-file")?;
    if ready_file.as_ref().is_some_and(|path| is_written(&notify, path)) {
        return wrong("ready-file", "is written by this node; give one that says when it is ready");
    }
    let longest_call = notify.program.as_ref().map(|it| it.longest_call(shortest_lease));
    let timeout = etcd_timeout(matches)?;
    let reverse: Vec<ReverseNetwork> = split(matches, "reverse")?;
    let forward = forward::settings(matches, file.as_ref(), &node.keyspace, &reverse)?;
    Ok(Options {
        connect: ConnectSettings {
            access: access(matches, &endpoints)?,
            endpoints,
            timeout: longest_call.map_or(timeout, |longest| longest.min(timeout)),
        },
        notify,
        node,
        listen: configuration::listen(matches, file.as_ref())?,
        http: configuration::http(matches, file.as_ref())?,
        ttl: number(matches, "ttl")?,
        forward,
        hosts: configuration::hosts(matches, file.as_ref())?,
        allow: split(matches, "allow")?,
        allow_transfer: split(matches, "allow-transfer")?,
        reverse,
        notify_targets: transfers::notify_targets(matches)?,
        tsig_keys: transfers::tsig_keys(matches)?,
        rrl: optional_number(matches, "rrl")?,
        ready_file,
        run_as: run_as(matches)?,
        is_sandboxed: !matches.opt_present("no-sandbox"),
        verbosity: verbosity(matches)?,
        corefile: file,
        origins: Origins::default(),
    })
}

fn keyspace(matches: &Matches, file: Option<&mut Corefile>) -> Result<Keyspace, Failure> {
    let in_file = file.as_ref().and_then(|file| file.plugin.limit);
    let limit = match in_file.filter(|_| !matches.opt_present("limit")) {
        Some(limit) => limit,
        None => number(matches, "limit")?,
    };
    let pattern = configuration::pattern(matches, file, limit)?;
    let resolve = resolve(matches, &pattern, limit)?;
    Ok(Keyspace { prefix: prefix(matches)?, pattern, limit, resolve })
}

fn prefix(matches: &Matches) -> Result<String, Failure> {
    let prefix = matches.opt_str("prefix").unwrap_or_default();
    if prefix.len() > LONGEST_PREFIX {
        return wrong("prefix", format!("{} octets, at most {LONGEST_PREFIX} fit", prefix.len()));
    }
    if let Some(bad) = prefix.chars().find(|character| character.is_control()) {
        return wrong("prefix", format!("{bad:?} cannot stand in it; give text such as /site/a/"));
    }
    Ok(prefix)
}

fn resolve(matches: &Matches, own: &Pattern, limit: u32) -> Result<Vec<Names>, Failure> {
    let mut resolve: Vec<Names> = Vec::new();
    for text in matches.opt_strs("resolve") {
        let names = Names::parse(&text, limit)
            .or_else(|error| wrong("resolve", format!("{text:?}: {error}")))?;
        if names == Names::Numbered(own.clone()) {
            return wrong("resolve", format!("{names} is the --pattern, and is answered anyway"));
        }
        if resolve.contains(&names) {
            return wrong("resolve", format!("{names} is given twice; once is enough"));
        }
        let others = [Names::Numbered(own.clone())];
        let clash = others.iter().chain(&resolve).find_map(|it| Some((it, it.clash(&names)?)));
        if let Some((other, name)) = clash {
            return wrong(
                "resolve",
                format!(
                    "{names}: {name} would be the name of all of its nodes, and of one or all of \
                     {other}; give one of the two another name"
                ),
            );
        }
        resolve.push(names);
    }
    Ok(resolve)
}

fn node(matches: &Matches, keyspace: Keyspace) -> Result<NodeSettings, Failure> {
    let (ipv4, ipv6) = (address(matches, "ipv4")?, address(matches, "ipv6")?);
    if ipv4 == AddressChoice::Omit && ipv6 == AddressChoice::Omit {
        return wrong("ipv6", "none, and --ipv4 none as well: publish one address at least");
    }
    Ok(NodeSettings {
        keyspace: Arc::new(keyspace),
        when_full: if matches.opt_present("wait") { WhenFull::Wait } else { WhenFull::Exit },
        max_stale: seconds(matches, "max-stale")?,
        max_lag: seconds(matches, "max-lag")?,
        lease_ttl: lease_ttl(matches)?,
        ipv4,
        ipv6,
        interface: filled(matches, "interface", "the name is empty; give one such as eth0")?,
        port: optional_number(matches, "port")?,
        job: None,
        node_id: node_id(matches)?,
        details: details(matches)?,
        remembered: None,
        watchers: number(matches, "watchers")?,
    })
}

fn node_id(matches: &Matches) -> Result<Option<NodeId>, Failure> {
    let Some(text) = matches.opt_str("node-id") else { return Ok(None) };
    text.parse().map(Some).or_else(|why: String| wrong("node-id", format!("{text:?}: {why}")))
}

fn details(matches: &Matches) -> Result<Details, Failure> {
    let read = |option| matches.opt_strs(option);
    Details::of_options(&read("service"), &read("meta")).or_else(|(option, why)| wrong(option, why))
}

fn access(matches: &Matches, endpoints: &[Endpoint]) -> Result<Access, Failure> {
    let cacert = path(matches, "cacert")?;
    let certificate = match (path(matches, "cert")?, path(matches, "key")?) {
        (Some(_), None) => {
            return wrong("cert", "needs the private key as well; give it by --key FILE");
        }
        (None, Some(_)) => {
            return wrong("key", "needs the certificate as well; give it by --cert FILE");
        }
        (cert, key) => cert.zip(key),
    };
    let user = user(matches)?;
    let trust = ["cacert", "cert"].into_iter().find(|option| matches.opt_present(option));
    match trust.filter(|_| !endpoints.iter().any(Endpoint::is_https)) {
        Some(option) => {
            wrong(option, "no endpoint is https://; change --endpoints, or leave it out")
        }
        None => Ok(Access { cacert, certificate, user }),
    }
}

fn user(matches: &Matches) -> Result<Option<User>, Failure> {
    let file = path(matches, "password-file")?;
    let Some(text) = matches.opt_str("user") else {
        if file.is_some() {
            return wrong("password-file", "whose password? give --user NAME as well");
        }
        return Ok(None);
    };
    // A password may hold colons, a name of etcd's may not be told apart from one that does.
    let (name, password) = in_two(&text);
    if name.is_empty() {
        return wrong("user", "the name is empty; give NAME:PASSWORD, or NAME and --password-file");
    }
    let password = match (password, file) {
        (Some(_), Some(_)) => {
            return wrong("password-file", "--user holds a password already; give one of them");
        }
        (None, None) => {
            return wrong("user", "the password is missing; give it by --password-file FILE");
        }
        (Some(""), None) => return wrong("user", "the password after the colon is empty"),
        (Some(password), None) => Password::Given(password.to_owned()),
        (None, Some(file)) => Password::File(file),
    };
    Ok(Some(User { name: name.to_owned(), password }))
}

fn notify(
    matches: &Matches,
    program: Option<Vec<String>>,
    shortest_lease: Duration,
) -> Result<NotifySettings, Failure> {
    let [name_file, id_file, metrics_file, hosts_file, targets_file] = files_to_write(matches)?;
    if let Some(path) = &targets_file
        && path.extension().is_none_or(|ending| ending != "json")
    {
        let path = path.display();
        return wrong("file-sd", format!("{path}: Prometheus wants a name that ends with .json"));
    }
    if !matches.opt_present("file-sd") && matches.opt_present("file-sd-port") {
        return wrong("file-sd-port", "means nothing without --file-sd; give that as well");
    }
    let targets_port = number(matches, "file-sd-port")?;
    Ok(NotifySettings {
        name_file,
        id_file,
        hosts_file,
        targets_file: targets_file.map(|path| (path, targets_port)),
        on_claim: command(matches, "on-claim")?,
        on_lost: command(matches, "on-lost")?,
        on_change: on_change(matches)?,
        hook_grace: seconds(matches, "grace")?,
        program: program
            .map(|words| program_settings(matches, words, shortest_lease))
            .transpose()?,
        list: None,
        metrics_file,
        ready_when: ready_when(matches)?,
    })
}

fn ready_when(matches: &Matches) -> Result<ReadyWhen, Failure> {
    match matches.opt_str("notify").as_deref() {
        None | Some("bound") => Ok(ReadyWhen::Bound),
        Some("named") => Ok(ReadyWhen::Named),
        Some(other) => wrong("notify", format!("{other:?} is neither bound nor named")),
    }
}

fn on_change(matches: &Matches) -> Result<Option<ChangeSettings>, Failure> {
    let (quiet, longest) = change_wait(matches)?;
    match command(matches, "on-change")? {
        None if matches.opt_present("change-wait") => {
            wrong("change-wait", "means nothing without --on-change; give that as well")
        }
        command => Ok(command.map(|command| ChangeSettings { command, quiet, longest })),
    }
}

/// Whether this file is one of those that every node may write.
fn is_written(notify: &NotifySettings, path: &PathBuf) -> bool {
    let targets = notify.targets_file.as_ref().map(|(path, _)| path);
    let others = [&notify.name_file, &notify.id_file, &notify.metrics_file, &notify.hosts_file];
    others.into_iter().flatten().chain(targets).any(|other| other == path)
}

/// The files that every node may write, each another one.
fn files_to_write(matches: &Matches) -> Result<[Option<PathBuf>; 5], Failure> {
    let options = ["name-file", "id-file", "metrics-file", "hosts-file", "file-sd"];
    let mut files = [const { None }; 5];
    for (index, option) in options.into_iter().enumerate() {
        let path = path_to_write(matches, option)?;
        let earlier = files.iter().zip(options).find(|(file, _)| path.is_some() && **file == path);
        if let Some((_, other)) = earlier {
            return wrong(option, format!("is the --{other} as well; give another file"));
        }
        files[index] = path;
    }
    Ok(files)
}

fn program_settings(
    matches: &Matches,
    words: Vec<String>,
    shortest_lease: Duration,
) -> Result<ProgramSettings, Failure> {
    if words.first().is_none_or(String::is_empty) {
        return Err(Failure::usage(
            "exec: the program is missing; write idetcd exec [OPTION]... -- PROGRAM [ARG]...",
        ));
    }
    let given: Option<u32> = optional_number(matches, "grace")?;
    let given = given.map(|seconds| Duration::from_secs(seconds.into()));
    let grace = given.unwrap_or(ProgramSettings::usual_grace(shortest_lease));
    if grace > ProgramSettings::longest_grace(shortest_lease) {
        let (grace, lease) = (grace.as_secs(), shortest_lease.as_secs());
        let remedy = "with exec give a third of that at most, or leave it out";
        return wrong("grace", format!("{grace} s do not fit into --lease-ttl {lease}: {remedy}"));
    }
    Ok(ProgramSettings { words, grace, when_in_doubt: WhenInDoubt::End })
}

fn run_as(matches: &Matches) -> Result<Option<RunAs>, Failure> {
    let Some(text) = matches.opt_str("run-as") else { return Ok(None) };
    let (user, group) = in_two(&text);
    let is_name = |name: &str| !name.is_empty() && !name.contains([':', '\n']);
    if !is_name(user) || !group.is_none_or(is_name) {
        return wrong("run-as", format!("{text:?} is not USER or USER:GROUP, by name or number"));
    }
    Ok(Some(RunAs { user: user.to_owned(), group: group.map(str::to_owned) }))
}

/// The parts before and after the first colon.
fn in_two(text: &str) -> (&str, Option<&str>) {
    text.split_once(':').map_or((text, None), |(first, second)| (first, Some(second)))
}

fn verbosity(matches: &Matches) -> Result<LevelFilter, Failure> {
    match (matches.opt_count("verbose"), matches.opt_present("quiet")) {
        (0, true) => Ok(LevelFilter::Warn),
        (_, true) => wrong("quiet", "contradicts --verbose; leave one of them out"),
        (0, false) => Ok(LevelFilter::Info),
        (1, false) => Ok(LevelFilter::Debug),
        (_, false) => Ok(LevelFilter::Trace),
    }
}
