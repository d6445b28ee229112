//! Server blocks → settings.

use std::net::IpAddr;

use log::Level;

use super::blocks::{Block, Directive};
use super::directive::{Treatment, treatment};
use super::forward::{self, ForwardDirective};
use super::hosts;
use super::http::{self, HttpAddress};
use super::key::{self, ServedZone};
use super::place::{CorefileError, Notice, Placed, wrong};
use super::plugin::{self, Plugin};

/// The settings of a Corefile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Corefile {
    /// The file.
    pub file: String,
    /// The properties of `idetcd`.
    pub plugin: Plugin,
    /// The zones of the server block with `idetcd`; one at least.
    pub zones: Vec<Placed<ServedZone>>,
    /// The addresses to listen on; empty: all.
    pub addresses: Vec<IpAddr>,
    /// The ports to listen on; one at least.
    pub ports: Vec<u16>,
    /// The servers for other names, each zone once.
    pub forward: Vec<ForwardDirective>,
    /// The file of hosts that are answered for beside.
    pub hosts: Option<String>,
    /// Where pages are served by HTTP, each once.
    pub http: Vec<HttpAddress>,
    /// Remarks for the log.
    pub notices: Vec<Notice>,
    /// What is wrong in lines of it: then none of this is to be followed.
    pub errors: Vec<CorefileError>,
}

/// The settings of a server block, with or without `idetcd`.
#[derive(Default)]
struct Served {
    zones: Vec<Placed<ServedZone>>,
    addresses: Vec<IpAddr>,
    ports: Vec<u16>,
    forward: Vec<ForwardDirective>,
    hosts: Option<Placed<String>>,
    http: Vec<HttpAddress>,
}

pub(super) fn read(
    file: &str,
    blocks: &[Block],
    default_port: u16,
    mut notices: Vec<Notice>,
) -> Result<Corefile, CorefileError> {
    let mut errors = Vec::new();
    for Directive { name, .. } in blocks.iter().flat_map(|block| &block.directives) {
        if treatment(&name.text).is_none() {
            let text = format!("{:?}: no directive of CoreDNS; is it misspelt?", name.text);
            errors.push(CorefileError::at(&name.place, text));
        }
    }
    let serve =
        |block, notices: &mut _, errors: &mut _| serve(block, default_port, notices, errors);
    let (own, directive) = match own_block(file, blocks) {
        Ok(found) => found,
        Err(missing) => {
            for block in blocks {
                serve(block, &mut notices, &mut errors);
            }
            // A name that is misspelt should not be told as something that is missing.
            return Err(CorefileError::all(file, errors).unwrap_or(missing));
        }
    };
    if let [_, second, ..] = &own.keys[..] {
        let text = "the plugin takes a name for each key of its block; here a node has one";
        notices.push(Notice::new(Level::Warn, &second.place, format!("{:?}: {text}", second.text)));
    }
    let plugin = plugin::read(directive, &mut notices, &mut errors);
    let Served { zones, addresses, ports, forward, hosts, http } =
        serve(own, &mut notices, &mut errors);
    if !serves_root(&zones) && errors.is_empty() {
        // CoreDNS forwards what is in the block's zone, and we what is outside of the pattern's.
        if let Some(ForwardDirective { name, place, .. }) = forward.first() {
            let text = "in this block no name outside of its zone is forwarded; remove it, or make \
                        . the block's key";
            errors.push(CorefileError::at(place, format!("{name}: {text}")));
        }
        // So it is with hosts.
        if let Some(Placed { place, .. }) = &hosts {
            let text = "hosts: the file counts for all names, and this block is for those of its \
                        zones; remove it, or move it to .";
            errors.push(CorefileError::at(place, text));
        }
    }
    let hosts = hosts.map(|placed| placed.value);
    let file = file.to_owned();
    let mut settings = Corefile {
        file,
        plugin,
        zones,
        addresses,
        ports,
        forward,
        hosts,
        http,
        notices: Vec::new(),
        errors: Vec::new(),
    };
    for block in blocks.iter().filter(|block| !std::ptr::eq(*block, own)) {
        let other = serve(block, &mut notices, &mut errors);
        other.http.iter().for_each(|address| add(&mut settings.http, *address));
        // Where a line is wrong, what the blocks have in common is not known.
        if errors.is_empty() {
            errors.extend(join(other, &mut settings, &mut notices).err());
        }
    }
    (settings.notices, settings.errors) = (notices, errors);
    Ok(settings)
}

/// The one server block with `idetcd`, and the directive itself.
fn own_block<'a>(
    file: &str,
    blocks: &'a [Block],
) -> Result<(&'a Block, &'a Directive), CorefileError> {
    let all = blocks.iter().flat_map(|block| block.directives.iter().map(move |one| (block, one)));
    let mut found = all.filter(|(_, directive)| directive.name.text == "idetcd");
    let Some((block, directive)) = found.next() else {
        let text = "no server block has idetcd; add idetcd { pattern worker{{.ID}}.tf.local. } on \
                    lines of its own";
        return Err(CorefileError::of_file(file, text));
    };
    if let Some((_, second)) = found.next() {
        let line = directive.name.place.line;
        let text = format!("idetcd: stands in line {line} before; a node has one name only");
        return wrong(&second.name.place, text);
    }
    Ok((block, directive))
}

fn serve(
    block: &Block,
    default_port: u16,
    notices: &mut Vec<Notice>,
    errors: &mut Vec<CorefileError>,
) -> Served {
    let mut served = Served::default();
    for word in &block.keys {
        match key::read(word, default_port) {
            Ok((zone, port)) => {
                served.zones.push(zone);
                if !served.ports.contains(&port) {
                    served.ports.push(port);
                }
            }
            Err(error) => errors.push(error),
        }
    }
    for directive in &block.directives {
        errors.extend(follow(directive, &mut served, notices).err());
    }
    served
}

fn follow(
    directive: &Directive,
    served: &mut Served,
    notices: &mut Vec<Notice>,
) -> Result<(), CorefileError> {
    let (name, place) = (directive.name.text.as_str(), &directive.name.place);
    if let Some(address) = http::read(directive) {
        add(&mut served.http, address?.value);
        for property in &directive.body {
            let (name, place) = (&property.name.text, &property.name.place);
            notices.push(Notice::new(Level::Info, place, format!("{name}: has no effect")));
        }
        return Ok(());
    }
    match (name, treatment(name)) {
        ("bind", _) => bind(directive, &mut served.addresses)?,
        ("forward" | "proxy", _) => {
            add_forward(forward::read(directive, notices)?, &mut served.forward)?;
        }
        ("hosts", _) => {
            let value = hosts::read(directive, notices)?;
            if served.hosts.replace(Placed { value, place: place.clone() }).is_some() {
                return wrong(place, "hosts: stands there before; one file is all it takes");
            }
        }
        (_, Some(Treatment::Noticed(level, text))) => {
            notices.push(Notice::new(level, place, format!("{name}: {text}")));
        }
        (_, Some(Treatment::Refused(remedy))) => return wrong(place, format!("{name}: {remedy}")),
        (_, Some(Treatment::Done) | None) => {}
    }
    Ok(())
}

fn add(all: &mut Vec<HttpAddress>, address: HttpAddress) {
    if !all.contains(&address) {
        all.push(address);
    }
}

fn add_forward(
    forward: ForwardDirective,
    all: &mut Vec<ForwardDirective>,
) -> Result<(), CorefileError> {
    if let Some(first) = all.iter().find(|first| first.from.value == forward.from.value) {
        let (name, other, line) = (&forward.name, &first.name, first.place.line);
        let text = format!("{name}: {other} stands in line {line} before; give all servers there");
        return wrong(&forward.place, text);
    }
    all.push(forward);
    Ok(())
}

fn bind(directive: &Directive, addresses: &mut Vec<IpAddr>) -> Result<(), CorefileError> {
    let place = &directive.name.place;
    if directive.arguments.is_empty() {
        return wrong(place, "bind: to what? give addresses such as 127.0.0.1");
    }
    if let Some(property) = directive.body.first() {
        let text = "bind: give just the addresses that are wanted, without a block";
        return wrong(&property.name.place, text);
    }
    for word in &directive.arguments {
        let Ok(address) = word.text.parse() else {
            let text = format!("bind: {:?} is not an address; write one such as ::1", word.text);
            return wrong(&word.place, text);
        };
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    Ok(())
}

fn serves_root(zones: &[Placed<ServedZone>]) -> bool {
    zones.iter().any(|zone| zone.value.is_root())
}

/// Adds a server block without `idetcd`: it may forward the names of its zones.
fn join(other: Served, own: &mut Corefile, notices: &mut Vec<Notice>) -> Result<(), CorefileError> {
    let Some(Placed { value: zone, place }) = other.zones.first() else {
        return Err(CorefileError::of_file(&own.file, "a server block without keys; remove it"));
    };
    let here = |text: &str| wrong(place, format!("{}: {text}", zone.as_str()));
    if let Some(hosts) = other.hosts {
        if !serves_root(&other.zones) || own.hosts.is_some() {
            return wrong(
                &hosts.place,
                "hosts: one file for all names is all it takes; move it to .",
            );
        }
        own.hosts = Some(hosts.value);
    } else if other.forward.is_empty() {
        return here(
            "this server block has no idetcd and nothing to forward to, and only names of idetcd's \
             are served; leave the block to another server",
        );
    }
    if serves_root(&own.zones) && serves_root(&other.zones) {
        return here("the server block with idetcd serves this zone; move the directives there");
    }
    if !is_same(&other.ports, &own.ports) {
        return here("both server blocks must listen on the same ports");
    }
    if !is_same(&other.addresses, &own.addresses) {
        notices.push(Notice::new(
            Level::Warn,
            place,
            format!("{}: both server blocks are served at all addresses of either", zone.as_str()),
        ));
        if other.addresses.is_empty() {
            own.addresses.clear();
        }
        if !own.addresses.is_empty() {
            let more = other.addresses.iter().filter(|more| !own.addresses.contains(more));
            let more: Vec<IpAddr> = more.copied().collect();
            own.addresses.extend(more);
        }
    }
    for forward in other.forward {
        let mut is_used = false;
        for zone in &other.zones {
            // The smaller one of the block's zone and the directive's.
            let from = if zone.value.contains(forward.from.value.as_str()) {
                forward.from.clone()
            } else if forward.from.value.contains(zone.value.as_str()) {
                zone.clone()
            } else {
                continue;
            };
            is_used = true;
            add_forward(ForwardDirective { from, ..forward.clone() }, &mut own.forward)?;
        }
        if !is_used {
            let (name, zone) = (&forward.name, forward.from.value.as_str());
            let text = format!("{name}: {zone}: not in a zone of this server block; move it");
            return wrong(&forward.from.place, text);
        }
    }
    Ok(())
}

/// Compares in any order; neither holds anything twice.
fn is_same<T: PartialEq>(left: &[T], right: &[T]) -> bool {
    left.len() == right.len() && left.iter().all(|item| right.contains(item))
}

impl Corefile {
    /// The same, if nothing is wrong in it.
    ///
    /// # Errors
    /// All that is.
    pub fn checked(mut self) -> Result<Corefile, CorefileError> {
        match CorefileError::all(&self.file, std::mem::take(&mut self.errors)) {
            Some(error) => Err(error),
            None => Ok(self),
        }
    }

    /// Logs that it was read, and the remarks.
    pub fn log(&self) {
        log::info!("read {}", self.file);
        for notice in &self.notices {
            log::log!(notice.level, "{notice}");
        }
    }

    /// Checks the file against a zone, that of the names to claim.
    ///
    /// # Errors
    /// When its server block does not serve this zone, or forwarding spares another one.
    pub fn check_zone(&mut self, zone: &str) -> Result<(), CorefileError> {
        let Some(first) = self.zones.first() else { return Ok(()) };
        let out_of_zone = self.zones.iter().filter(|served| !served.value.contains(zone));
        if out_of_zone.clone().count() == self.zones.len() {
            let text = format!(
                "{}: the pattern's names are in {zone}, which this server block does not serve; \
                 make {zone} its key, or .",
                first.value.as_str()
            );
            return wrong(&first.place, text);
        }
        self.notices.extend(out_of_zone.map(|Placed { value, place }| {
            let text = format!("{}: none of the names is in it; it is refused", value.as_str());
            Notice::new(Level::Warn, place, text)
        }));
        let zone = ServedZone::new(zone);
        let mut spared = self.forward.iter().flat_map(|forward| &forward.except);
        let Some(spared) = spared.find(|spared| !zone.contains(spared.value.as_str())) else {
            return Ok(());
        };
        let (spared_zone, zone) = (spared.value.as_str(), zone.as_str());
        let text = "are all forwarded; remove it";
        wrong(&spared.place, format!("except: {spared_zone}: names outside of {zone} {text}"))
    }
}
