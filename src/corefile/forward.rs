//! `forward FROM TO… { … }` and the older `proxy`, which says the same.

use log::Level;

use super::blocks::Directive;
use super::key::{self, ServedZone};
use super::lexer::Word;
use super::place::{CorefileError, Notice, Place, Placed, wrong};

/// A directive that names the servers for names that are not ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForwardDirective {
    /// Its place.
    pub place: Place,
    /// Its name.
    pub name: String,
    /// The zone whose names these are: that of the server block, or one within.
    pub from: Placed<ServedZone>,
    /// The servers, one at least: `ADDR`, `ADDR:PORT`, or the path of a file like
    /// `/etc/resolv.conf`, still to be checked.
    pub to: Vec<Placed<String>>,
    /// Zones that are not to be forwarded.
    pub except: Vec<Placed<ServedZone>>,
}

pub(super) fn read(
    directive: &Directive,
    notices: &mut Vec<Notice>,
) -> Result<ForwardDirective, CorefileError> {
    let name = &directive.name.text;
    let arguments = directive.arguments.split_first();
    let Some((from, to)) = arguments.filter(|(_, to)| !to.is_empty()) else {
        let text = format!("{name}: from where to where? write {name} . 192.0.2.53");
        return wrong(&directive.name.place, text);
    };
    let Some(zone) = ServedZone::parse(&from.text) else {
        let text =
            format!("{name}: {:?}: not the name of a zone; write ., or example.org", from.text);
        return wrong(&from.place, text);
    };
    let from = Placed { value: zone, place: from.place.clone() };
    let to = to.iter().map(|word| upstream(name, word)).collect::<Result<_, _>>()?;
    let place = directive.name.place.clone();
    let mut forward = ForwardDirective { place, name: name.clone(), from, to, except: Vec::new() };
    let wrong = |property| follow(property, &mut forward, notices).err();
    let errors = directive.body.iter().filter_map(wrong).collect();
    CorefileError::all(&directive.name.place.file, errors).map_or(Ok(forward), Err)
}

fn upstream(name: &str, word: &Word) -> Result<Placed<String>, CorefileError> {
    let text = word.text.as_str();
    let value = match text.split_once("://") {
        // A path is told from an address by its slash.
        None if text.ends_with(".conf") && !text.contains('/') => format!("./{text}"),
        None => text.to_owned(),
        Some(("dns", rest)) => rest.to_owned(),
        Some((scheme, _)) => {
            let text = format!("{scheme}:// is not spoken; give a server for plain DNS");
            return wrong(&word.place, format!("{name}: {:?}: {text}", word.text));
        }
    };
    Ok(Placed { value, place: word.place.clone() })
}

/// Follows a property; unlike those of idetcd, CoreDNS refuses one that it does not know.
fn follow(
    property: &Directive,
    forward: &mut ForwardDirective,
    notices: &mut Vec<Notice>,
) -> Result<(), CorefileError> {
    let (name, place) = (property.name.text.as_str(), &property.name.place);
    let is_plain = property.arguments.first().is_some_and(|word| word.text == "dns");
    let has_no_effect = match name {
        "except" => {
            let zones = property.arguments.iter().map(|word| key::zone(word, &word.text));
            forward.except.extend(zones);
            return Ok(());
        }
        "protocol" if !is_plain => {
            return wrong(place, "protocol: only dns is spoken; remove it");
        }
        "tls" | "tls_servername" => {
            return wrong(place, format!("{name}: only plain DNS is spoken; remove it"));
        }
        "protocol" if property.arguments.len() == 1 => return Ok(()),
        "protocol" | "force_tcp" => "has no effect: servers are asked in the way that clients ask",
        "prefer_udp" | "expire" | "max_fails" | "fail_timeout" | "health_check" | "policy"
        | "max_concurrent" | "spray" | "report_health" => {
            "has no effect: servers are chosen and given up in our own way"
        }
        _ => {
            let text = format!("{name:?}: no property of {}; remove it", forward.name);
            return wrong(place, text);
        }
    };
    notices.push(Notice::new(Level::Info, place, format!("{name}: {has_no_effect}")));
    Ok(())
}
