//! Server blocks → settings.

use std::net::IpAddr;

use log::Level;

use super::blocks::{Block, Directive};
use super::directive::{Treatment, treatment};
use super::forward::{self, ForwardDirective};
use super::key::{self, Key, ServedZone};
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
    /// The servers for other names.
    pub forward: Option<ForwardDirective>,
    /// Remarks for the log.
    pub notices: Vec<Notice>,
}

/// The settings of a server block, with or without `idetcd`.
struct Served {
    keys: Vec<Key>,
    addresses: Vec<IpAddr>,
    forward: Option<ForwardDirective>,
}

pub(super) fn read(
    file: &str,
    blocks: &[Block],
    default_port: u16,
    mut notices: Vec<Notice>,
) -> Result<Corefile, CorefileError> {
    check_names(blocks)?;
    let (own, directive) = own_block(file, blocks)?;
    let plugin = plugin::read(directive, &mut notices)?;
    let served = serve(own, default_port, &mut notices)?;
    check_forward(&served)?;
    let mut settings = Corefile {
        file: file.to_owned(),
        plugin,
        zones: served.keys.iter().map(|key| key.zone.clone()).collect(),
        addresses: served.addresses.clone(),
        ports: ports(&served.keys),
        forward: served.forward.clone(),
        notices: Vec::new(),
    };
    for block in blocks.iter().filter(|block| !std::ptr::eq(*block, own)) {
        let other = serve(block, default_port, &mut notices)?;
        settings.forward = Some(companion(other, &settings)?);
    }
    settings.notices = notices;
    Ok(settings)
}

/// A name that is misspelt should not be told as something that is missing.
fn check_names(blocks: &[Block]) -> Result<(), CorefileError> {
    let mut directives = blocks.iter().flat_map(|block| &block.directives);
    match directives.find(|directive| !is_known(directive)) {
        None => Ok(()),
        Some(directive) => Err(unknown(directive)),
    }
}

fn unknown(Directive { name, .. }: &Directive) -> CorefileError {
    let text = format!("{:?}: no directive of CoreDNS; is it misspelt?", name.text);
    CorefileError::at(&name.place, text)
}

fn is_known(directive: &Directive) -> bool {
    let name = directive.name.text.as_str();
    matches!(name, "idetcd" | "bind" | "forward" | "proxy") || treatment(name).is_some()
}

/// The one server block with `idetcd`, and the directive itself.
fn own_block<'a>(
    file: &str,
    blocks: &'a [Block],
) -> Result<(&'a Block, &'a Directive), CorefileError> {
    let mut found = blocks.iter().flat_map(|block| {
        let named = block.directives.iter().filter(|directive| is_plugin(directive));
        named.map(move |directive| (block, directive))
    });
    let Some((block, directive)) = found.next() else {
        return Err(CorefileError::of_file(
            file,
            "no server block has idetcd; add idetcd { pattern worker{{.ID}}.tf.local. } on lines \
             of its own",
        ));
    };
    match found.next() {
        Some((_, second)) => {
            let line = directive.name.place.line;
            let text = format!("idetcd: stands in line {line} before; a node has one name only");
            wrong(&second.name.place, text)
        }
        None => Ok((block, directive)),
    }
}

fn is_plugin(directive: &Directive) -> bool {
    directive.name.text == "idetcd"
}

fn serve(
    block: &Block,
    default_port: u16,
    notices: &mut Vec<Notice>,
) -> Result<Served, CorefileError> {
    let keys = block.keys.iter().map(|word| key::read(word, default_port));
    let mut served =
        Served { keys: keys.collect::<Result<_, _>>()?, addresses: Vec::new(), forward: None };
    for directive in block.directives.iter().filter(|directive| !is_plugin(directive)) {
        follow(directive, &mut served, notices)?;
    }
    Ok(served)
}

fn follow(
    directive: &Directive,
    served: &mut Served,
    notices: &mut Vec<Notice>,
) -> Result<(), CorefileError> {
    let (name, place) = (directive.name.text.as_str(), &directive.name.place);
    match name {
        "bind" => bind(directive, &mut served.addresses),
        "forward" | "proxy" => {
            if let Some(first) = &served.forward {
                return wrong(place, stands_before(name, first));
            }
            served.forward = Some(forward::read(directive, notices)?);
            Ok(())
        }
        _ => match treatment(name) {
            Some(Treatment::Always) => Ok(()),
            Some(Treatment::Noticed(level, text)) => {
                let (place, text) = (place.clone(), format!("{name}: {text}"));
                notices.push(Notice { level, place, text });
                Ok(())
            }
            Some(Treatment::Refused(remedy)) => wrong(place, format!("{name}: {remedy}")),
            None => Err(unknown(directive)),
        },
    }
}

fn stands_before(name: &str, first: &ForwardDirective) -> String {
    let (other, line) = (&first.name, first.place.line);
    format!("{name}: {other} stands in line {line} before; give all servers there")
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

/// CoreDNS forwards what is in the block's zone, and we what is outside of the pattern's.
fn check_forward(served: &Served) -> Result<(), CorefileError> {
    let Some(forward) = &served.forward else { return Ok(()) };
    if served.keys.iter().any(|key| key.zone.value.is_root()) {
        Ok(())
    } else {
        wrong(
            &forward.place,
            format!(
                "{}: in this block no name outside of its zone is forwarded; remove it, or make . \
             the block's key",
                forward.name
            ),
        )
    }
}

/// Reads a server block without `idetcd`: it may forward all names that are not in the zone of the
/// one with it.
fn companion(other: Served, own: &Corefile) -> Result<ForwardDirective, CorefileError> {
    let key = other.keys.iter().find(|key| !key.zone.value.is_root()).or(other.keys.first());
    let Some(Placed { value: zone, place }) = key.map(|key| &key.zone) else {
        return Err(CorefileError::of_file(&own.file, "a server block without keys; remove it"));
    };
    let here = |text: &str| wrong(place, format!("{}: {text}", zone.as_str()));
    let Some(forward) = other.forward.filter(|_| zone.is_root()) else {
        return here(
            "this server block has no idetcd, and only that one's names are served; leave the \
             block to another server",
        );
    };
    if own.zones.iter().any(|own| own.value.is_root()) {
        return here("the server block with idetcd serves this zone; move the directives there");
    }
    if let Some(first) = &own.forward {
        return wrong(&forward.place, stands_before(&forward.name, first));
    }
    let is_same =
        is_same(&ports(&other.keys), &own.ports) && is_same(&other.addresses, &own.addresses);
    if !is_same {
        return here("both server blocks must listen on the same addresses and ports");
    }
    Ok(forward)
}

fn ports(keys: &[Key]) -> Vec<u16> {
    let mut ports: Vec<u16> = Vec::new();
    for key in keys {
        if !ports.contains(&key.port) {
            ports.push(key.port);
        }
    }
    ports
}

/// Compares in any order; neither holds anything twice.
fn is_same<T: PartialEq>(left: &[T], right: &[T]) -> bool {
    left.len() == right.len() && left.iter().all(|item| right.contains(item))
}

impl Corefile {
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
        if !self.zones.iter().any(|served| served.value.contains(zone)) {
            let text = format!(
                "{}: the pattern's names are in {zone}, which this server block does not serve; \
                 make {zone} its key, or .",
                first.value.as_str()
            );
            return wrong(&first.place, text);
        }
        let out_of_zone = self.zones.iter().filter(|served| !served.value.contains(zone));
        self.notices.extend(out_of_zone.map(|served| Notice {
            level: Level::Warn,
            place: served.place.clone(),
            text: format!("{}: none of the names is in it; it is refused", served.value.as_str()),
        }));
        let zone = ServedZone::new(zone);
        let mut spared = self.forward.iter().flat_map(|forward| &forward.except);
        match spared.find(|spared| !zone.contains(spared.value.as_str())) {
            None => Ok(()),
            Some(spared) => {
                let text = format!(
                    "except: {}: names outside of {} are all forwarded; remove it",
                    spared.value.as_str(),
                    zone.as_str()
                );
                wrong(&spared.place, text)
            }
        }
    }
}
