//! `idetcd check`: whether a node could start here, and what to do if not.
//!
//! Looks at everything in the order in which a node needs it, and goes on after what is not well as
//! far as that makes sense.

use log::Level;

use super::probe::rights;
use super::report::Severity::{self, Bad, Good, Note, Waits};
use super::report::{Finding, Found, Report};
use super::session::stopped;
use super::snapshot::{self, KeyContent, Snapshot};
use super::table::style;
use super::{check_job, endpoints, local};
use crate::cluster::{JobKeys, Keyspace, Record, SlotId};
use crate::connect::{CertificateEnd, Certificates, Connect, Outlook, Password};
use crate::etcd::{Error, Etcd, GatewayClient, LoginState, Range, advised};
use crate::failure::Failure;
use crate::node::address::{Publication, check_interface};
use crate::node::rank::{FreeSlot, free_slot};
use crate::node::{Host, WhenFull};
use crate::options::Options;
use crate::server::Shared;
use crate::server::listen::{Absent, listen as listen_on};
use crate::server::tsig_files::TsigKeyFile;

pub(super) fn run(options: &Options, place: &Shared) -> Result<(), Failure> {
    let mut report = Report { style: style(), worst: Good };
    // What stands on the command line alone, everybody sees.
    if !options.origins.environment.is_empty() {
        report.tell([Finding::new(Good, "options", &options.origins)])?;
    }
    report.tell(options.origins.slips.iter().map(|slip| Finding::new(Note, "options", slip)))?;
    let connect = Connect::prepare(&options.connect);
    let connect = connect.map(|connect| (files(options, &connect), connect));
    let connect = report.keep(connect.map_err(|error| Finding::new(Bad, "files", error)))?;
    report.tell(keys(options))?;
    report.tell(local::look(options))?;
    report.tell(forwarding(options))?;
    let mut client = match connect {
        Some(connect) => reach(options, &connect, place, &mut report)?,
        None => None,
    };
    let record = report.keep(publication(options, place))?;
    if let Some(client) = &mut client {
        report.tell(inside(options, record.as_ref(), client, place))?;
    }
    report.tell(dns(options))?;
    report.tell([sandbox(options)])?;
    if place.lock().is_stopping() {
        return Err(stopped());
    }
    let outlook = match report.worst {
        Good | Note => return Ok(()),
        Waits => "a node would start here, and wait without a name",
        Bad => "a node could not start here",
    };
    Err(Failure::new(format!("{outlook}: see what fails above")))
}

/// The way to etcd: endpoints, user. `None`: there is none.
fn reach(
    options: &Options,
    connect: &Connect,
    place: &Shared,
    report: &mut Report,
) -> Result<Option<GatewayClient>, Failure> {
    let (findings, is_reachable) = endpoints::look(&options.connect.endpoints, connect, place);
    report.tell(findings)?;
    if !is_reachable {
        return Ok(None);
    }
    report.keep(log_in(options, connect.client(place)))
}

/// The files that were read, if the options name some, when certificates end, and what there is to say
/// about a Corefile.
fn files(options: &Options, connect: &Connect) -> Vec<Finding> {
    let access = &options.connect.access;
    let certificate = access.certificate.iter().flat_map(|(cert, key)| [cert, key]);
    let password = access.user.iter().filter_map(|user| match &user.password {
        Password::File(path) => Some(path),
        Password::Given(_) => None,
    });
    let paths = access.cacert.iter().chain(certificate).chain(password);
    let corefile = options.corefile.iter().map(|corefile| corefile.file.clone());
    let names: Vec<String> = corefile.chain(paths.map(|path| path.display().to_string())).collect();
    if names.is_empty() {
        return Vec::new();
    }
    let notices = options.corefile.iter().flat_map(|corefile| &corefile.notices);
    let told = notices.filter(|notice| notice.level <= Level::Warn);
    let notes = told.map(|notice| Finding::new(Note, "files", notice.to_string()));
    let ends = connect.certificates().map(Certificates::ends).unwrap_or_default();
    let ends = ends.into_iter().map(|end| Finding::new(severity_of(&end), "files", end));
    let read = Finding::new(Good, "files", names.join(", "));
    std::iter::once(read).chain(ends).chain(notes).collect()
}

/// What a node would give up of the file system.
fn sandbox(options: &Options) -> Finding {
    let text = match options.sandbox() {
        _ if !options.is_sandboxed => "none: --no-sandbox".to_owned(),
        Ok(sandbox) => match sandbox.may_hang() {
            Some(path) => format!("none: the file system of {} may not answer", path.display()),
            None => sandbox.describe(),
        },
        Err(programs) => format!("none: {programs} would be in it"),
    };
    Finding::new(Good, "sandbox", text)
}

/// Where queries for other names go, and whose.
fn forwarding(options: &Options) -> Vec<Finding> {
    let mut findings: Vec<Finding> =
        options.forward.routes.iter().map(|route| Finding::new(Good, "forward", route)).collect();
    if options.allow.is_empty() && !findings.is_empty() {
        let text = "for this host and its own networks alone, where --allow names no others";
        findings.push(Finding::new(Good, "forward", text));
    }
    findings
}

/// The keys under which messages are signed.
fn keys(options: &Options) -> Vec<Finding> {
    let finding = |file: &TsigKeyFile| match file.read() {
        Ok(key) => Finding::new(Good, "tsig-key", format!("{} {}", key.name, key.algorithm)),
        Err(error) => Finding::new(Bad, "tsig-key", error),
    };
    options.tsig_keys.iter().map(finding).collect()
}

/// What the end of a certificate means for a node: etcd refuses one that is over, while TLS does not look
/// at that of an authority.
fn severity_of(end: &CertificateEnd) -> Severity {
    match end.outlook() {
        Outlook::Good => Good,
        Outlook::Ended if end.is_shown() => Waits,
        Outlook::EndsSoon | Outlook::Ended => Note,
    }
}

/// Finds out whether etcd lets us in as who we say we are.
fn log_in(options: &Options, mut client: GatewayClient) -> Found<GatewayClient> {
    let name = options.connect.access.user.as_ref().map_or("", |user| &user.name);
    let mut login = client.log_in();
    // Who names no user is found out by a call that needs one.
    if let Ok(LoginState::NoUser) = login
        && let Err(error) = client.range(&Range::new(options.node.keyspace.slots().0, None))
        && error.is_unauthenticated()
    {
        login = Err(error);
    }
    let (severity, text) = match login {
        Ok(LoginState::LoggedIn) => (Good, format!("{name} is logged in")),
        Ok(LoginState::NoUser) => (Good, "none, and etcd asks for none".to_owned()),
        Ok(LoginState::NotNeeded) => {
            (Note, format!("etcd asks nobody for a user: {name} and the password are not used"))
        }
        Err(error) => return Err(Finding::new(Waits, "user", advised(&error))),
    };
    Ok((vec![Finding::new(severity, "user", text)], client))
}

/// Finds the addresses that a node would publish.
fn publication(options: &Options, place: &Shared) -> Found<Record> {
    let (network, source) = (place.network(), place.source_address());
    if let Some(name) = &options.node.interface {
        check_interface(name, &network).map_err(|error| Finding::new(Bad, "addresses", error))?;
    }
    let mut settings = options.node.clone();
    settings.port.get_or_insert(options.listen.first().map_or(0, |listen| listen.address.port()));
    let found = Publication::find(&settings, &network, source, None);
    let record = found.map_err(|error| Finding::new(Waits, "addresses", error))?.record;
    let text = format!("a node would publish {record}");
    Ok((vec![Finding::new(Good, "addresses", text)], record))
}

/// Looks at what etcd shows to those whom it let in: permissions and names.
fn inside(
    options: &Options,
    record: Option<&Record>,
    client: &mut GatewayClient,
    place: &Shared,
) -> Vec<Finding> {
    let keyspace = &options.node.keyspace;
    let job = options.node.job.as_ref();
    let keys = job.map(|job| JobKeys::new(keyspace, &job.name));
    let mut findings = permissions(keyspace, record, keys.as_ref(), client);
    // Who may not read them cannot count them.
    match snapshot::read(client, keyspace, place) {
        Ok(snapshot) => {
            findings.extend(unusable(&snapshot));
            findings.push(match waiting(keyspace, client) {
                Ok(waiting) => names(options, record, &snapshot, waiting),
                Err(error) => Finding::new(Waits, "names", advised(&error)),
            });
        }
        Err(error) if error.is_denied() => {}
        Err(error) => findings.push(Finding::new(Waits, "names", advised(&error))),
    }
    findings.extend(job.zip(keys).and_then(|(job, keys)| check_job::look(job, &keys, client)));
    findings
}

fn permissions(
    keyspace: &Keyspace,
    record: Option<&Record>,
    job: Option<&JobKeys>,
    client: &mut GatewayClient,
) -> Vec<Finding> {
    let ticket = keyspace.ticket(record.unwrap_or(&Record::default()));
    let rights = rights(keyspace, ticket, job);
    let missing = rights.iter().filter_map(|right| {
        let error = right.probe(client).err()?;
        let text = if error.is_denied() {
            format!("may not {}: {}", right.purpose, right.remedy)
        } else {
            format!("cannot {}: {}", right.purpose, advised(&error))
        };
        Some(Finding::new(Waits, "permission", text))
    });
    let mut findings: Vec<Finding> = missing.collect();
    if findings.is_empty() {
        let purposes: Vec<&str> = rights.iter().map(|right| right.purpose.as_str()).collect();
        findings.push(Finding::new(Good, "permission", format!("may {}", purposes.join(", "))));
    }
    findings
}

fn waiting(keyspace: &Keyspace, client: &mut GatewayClient) -> Result<usize, Error> {
    let (first, end) = keyspace.queue();
    let reply = client.range(&Range { count_only: true, ..Range::new(first, Some(end)) })?;
    Ok(reply.count)
}

/// Notes about names that nobody can have.
fn unusable(snapshot: &Snapshot) -> Vec<Finding> {
    let told = snapshot.entries.iter().filter_map(|entry| {
        let KeyContent::Unusable(error) = &entry.content else { return None };
        let name = &entry.name;
        let text = format!("{name} is nobody's and yet taken: {error}; idetcd release {name}");
        Some(Finding::new(Note, "names", text))
    });
    told.collect()
}

/// Finds the name that a node would get.
fn names(
    options: &Options,
    record: Option<&Record>,
    snapshot: &Snapshot,
    waiting: usize,
) -> Finding {
    let (pattern, limit) = (&options.node.keyspace.pattern, options.node.keyspace.limit);
    let own = snapshot.entries.iter().filter(|entry| entry.names == 0);
    let slots: Vec<(SlotId, Option<&Record>)> =
        own.filter_map(|entry| Some((entry.slot?, entry.record()))).collect();
    let within = slots.iter().filter(|(slot, _)| slot.get() <= limit);
    let previous = within.clone().find(|(_, other)| record.is_some() && *other == record);
    if let Some((slot, _)) = previous {
        let name = pattern.name(*slot);
        let text = "has this very record: a node with it runs, or ended within its lease; the same \
                    node has it again at its next start";
        return Finding::new(Note, "names", format!("{name} {text}"));
    }
    let taken = within.clone().count();
    let state = format!("{taken} of {limit} names of {pattern} are taken, {waiting} waiting");
    let (severity, outlook) = match free_slot(waiting, slots.iter().map(|(slot, _)| *slot), limit) {
        FreeSlot::Slot(slot) => (Good, format!("; the next is {}", pattern.name(slot))),
        _ if options.node.when_full == WhenFull::Wait => {
            (Note, "; a node would wait as well".to_owned())
        }
        FreeSlot::Behind => (Note, ", so soon none may be free".to_owned()),
        FreeSlot::Full => (Bad, "; raise --limit, stop a node, or give --wait".to_owned()),
    };
    Finding::new(severity, "names", state + &outlook)
}

/// Finds out whether DNS could be answered at each address: they are bound for a moment.
fn dns(options: &Options) -> Vec<Finding> {
    let waits = options.node.when_full == WhenFull::Wait;
    let found = options.listen.iter().map(|listen| {
        let address = listen.address;
        let bind = |absent| listen_on(std::slice::from_ref(listen), absent);
        let (severity, text) = match bind(Absent::Fail) {
            Ok((listeners, _)) if listeners.is_empty() => {
                (Note, format!("{address} is left out: no such family here"))
            }
            Ok(_) => (Good, format!("{address} is free, UDP and TCP")),
            Err(_) if waits && bind(Absent::Await).is_ok() => {
                (Note, format!("{address} is not on this host; a node would wait for it"))
            }
            Err(failure) => (Bad, failure.to_string()),
        };
        Finding::new(severity, "dns", text)
    });
    found.collect()
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
