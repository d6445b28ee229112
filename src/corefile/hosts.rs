//! `hosts [FILE] { fallthrough … }`: a file of hosts that are answered for beside.

use log::Level;

use super::blocks::Directive;
use super::key;
use super::place::{CorefileError, Notice, wrong};

/// The file that counts if none is given, as with CoreDNS.
const SYSTEMS_HOSTS: &str = "/etc/hosts";

/// Reads the name of the file.
pub(super) fn read(
    directive: &Directive,
    notices: &mut Vec<Notice>,
) -> Result<String, CorefileError> {
    let file = directive.arguments.first();
    if let Some(zone) = directive.arguments.get(1).filter(|zone| zone.text != ".") {
        let text =
            format!("hosts: {:?}: the file counts for all names; remove the zones", zone.text);
        return wrong(&zone.place, text);
    }
    let mut falls_through = false;
    for property in &directive.body {
        let (name, place) = (property.name.text.as_str(), &property.name.place);
        match name {
            "fallthrough" => {
                falls_through = true;
                notices.extend(for_some_zones_only(property));
            }
            "ttl" | "reload" => {
                let text = format!("{name}: has no effect: see --ttl; the file is followed");
                notices.push(Notice::new(Level::Info, place, text));
            }
            "no_reverse" => {
                return wrong(place, "no_reverse: addresses have their names here; remove it");
            }
            _ => {
                let text = format!("{name:?}: hosts are not read here; put the line into the file");
                return wrong(place, text);
            }
        }
    }
    if !falls_through {
        let text =
            "hosts: names that are not in the file are not denied, as if fallthrough stood there";
        notices.push(Notice::new(Level::Warn, &directive.name.place, text.to_owned()));
    }
    Ok(file.map_or(SYSTEMS_HOSTS, |word| &word.text).to_owned())
}

/// The remark on a `fallthrough` for the names of some zones: here it is one for all.
fn for_some_zones_only(fallthrough: &Directive) -> Option<Notice> {
    let mut zones = fallthrough.arguments.iter().map(|word| key::zone(word, &word.text));
    let first = zones.next().filter(|zone| !zone.value.is_root())?;
    if zones.any(|zone| zone.value.is_root()) {
        return None;
    }
    let text =
        "fallthrough: names outside of these zones fall through as well, as if none stood there";
    Some(Notice::new(Level::Warn, &first.place, text))
}
