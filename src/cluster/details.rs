//! What a node tells of itself beside its addresses: the ports of named services, and what else its operator says.
//!
//! Both stand in the record's JSON in fields that the CoreDNS plugin ignores, `"services":{"http/tcp":"8080"}` and
//! `"meta":{"rack":"a7"}`, and in DNS as SRV below the node's name (RFC 2782) and as TXT at it (RFC 1464). A node
//! that tells any of it tells the revision by which it owns its name as well. Few nodes do, so this is kept beside
//! the records.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::pattern::SlotId;

/// The most services, and the most other things, that a node tells.
pub const MOST_DETAILS: usize = 8;

/// The longest name of a service (RFC 6335 §5.1), the longest key of anything else, and the longest value, in octets:
/// key and value are one character string of TXT.
const LONGEST_SERVICE: usize = 15;
const LONGEST_META_KEY: usize = 40;
const LONGEST_META_VALUE: usize = 200;

/// Keys that have a meaning of their own.
const REVISION: &str = "revision";
const RESERVED: [&str; 3] = [REVISION, "ready", "drained"];

/// The fields of the record's JSON.
const SERVICES_FIELD: &str = "services";
const META_FIELD: &str = "meta";

/// By key: `http/tcp` has a port, any other a text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Details(BTreeMap<String, String>);

/// The key and the port of a service; `None`: the texts are not such.
fn service(key: &str, port: &str) -> Option<(String, String)> {
    let (name, transport) = key.split_once('/')?;
    let is_name = (1..=LONGEST_SERVICE).contains(&name.len())
        && name.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'-')
        && name.bytes().any(|octet| octet.is_ascii_alphabetic());
    let port: u16 = crate::text::number(port)?;
    let is_good = is_name && matches!(transport, "tcp" | "udp") && port > 0;
    is_good.then(|| (key.to_ascii_lowercase(), port.to_string()))
}

/// The key and the text of something else; `None`: the texts are not such.
fn meta(key: &str, text: &str) -> Option<(String, String)> {
    let is_sign = |octet: u8| octet.is_ascii_alphanumeric() || b"-_.".contains(&octet);
    let is_key = (1..=LONGEST_META_KEY).contains(&key.len()) && key.bytes().all(is_sign);
    let is_good = is_key && text.len() <= LONGEST_META_VALUE && !text.chars().any(char::is_control);
    is_good.then(|| (key.to_owned(), text.to_owned()))
}

impl Details {
    /// A node that tells nothing.
    pub const NONE: &'static Details = &Details(BTreeMap::new());

    /// Those of command lines: `http/tcp=8080`, and `rack=a7`.
    ///
    /// # Errors
    /// The option and the text that cannot be followed, and why.
    pub fn of_options(
        services: &[String],
        others: &[String],
    ) -> Result<Details, (&'static str, String)> {
        let mut details = Details::default();
        let form = "no service; write NAME/tcp=PORT or NAME/udp=PORT, a name of 15 letters, digits and hyphens \
                    at most, a port from 1 to 65535";
        details.add_all("service", services, service, form)?;
        let form = "no key with a value; write KEY=VALUE, a key of 40 letters, digits and -_. at most, a value of 200 octets at most";
        details.add_all("meta", others, meta, form)?;
        Ok(details)
    }

    fn add_all(
        &mut self,
        option: &'static str,
        texts: &[String],
        read: fn(&str, &str) -> Option<(String, String)>,
        form: &str,
    ) -> Result<(), (&'static str, String)> {
        let wrong = |why: String| Err((option, why));
        for text in texts {
            let parts = text.split_once('=').and_then(|(key, value)| read(key, value));
            let Some((key, value)) = parts else {
                return wrong(format!("{text:?} is {form}"));
            };
            if RESERVED.contains(&key.as_str()) {
                return wrong(format!("{text:?}: the node itself tells {key}; give another key"));
            }
            if self.0.insert(key, value).is_some() {
                return wrong(format!("{text:?}: is given twice; once is enough"));
            }
        }
        if texts.len() > MOST_DETAILS {
            return wrong(format!("{} are too many; give {MOST_DETAILS} at most", texts.len()));
        }
        Ok(())
    }

    /// Those of a record that this revision of etcd put; `None`: there are none. What is no service and no text is left
    /// out, and what is too much.
    pub(super) fn of_json(value: &Value, mod_revision: i64) -> Option<Arc<Details>> {
        let mut details = Details::default();
        let fields = [
            (SERVICES_FIELD, service as fn(&str, &str) -> Option<(String, String)>),
            (META_FIELD, meta),
        ];
        for (field, read) in fields {
            let entries = value.get(field).and_then(Value::as_object).into_iter().flatten();
            let texts = entries.filter_map(|(key, value)| read(key, value.as_str()?));
            let allowed = texts.filter(|(key, _)| !RESERVED.contains(&key.as_str()));
            details.0.extend(allowed.take(MOST_DETAILS));
        }
        if details.0.is_empty() {
            return None;
        }
        // A record that was put again says by which revision its name is owned.
        let told = value.get(REVISION).and_then(Value::as_str).and_then(crate::text::number);
        details.0.insert(REVISION.to_owned(), told.unwrap_or(mod_revision).to_string());
        Some(Arc::new(details))
    }

    /// Adds the fields of the record's JSON; `owned_by`: the revision by which the name is owned, where the record is
    /// put again.
    pub(super) fn add_to(&self, object: &mut Map<String, Value>, owned_by: Option<i64>) {
        for (field, are_services) in [(SERVICES_FIELD, true), (META_FIELD, false)] {
            let of_field = self.0.iter().filter(|(key, _)| key.contains('/') == are_services);
            let texts: Map<String, Value> =
                of_field.map(|(key, text)| (key.clone(), Value::from(text.as_str()))).collect();
            if !texts.is_empty() {
                object.insert(field.to_owned(), Value::Object(texts));
            }
        }
        if let Some(revision) = owned_by.filter(|_| !self.0.is_empty()) {
            object.insert(REVISION.to_owned(), Value::String(revision.to_string()));
        }
    }

    /// The port of a service, such as `http/tcp`.
    pub fn port(&self, service: &str) -> Option<u16> {
        self.0.get(service)?.parse().ok().filter(|_| service.contains('/'))
    }

    /// The services and their ports, by name.
    pub fn services(&self) -> impl Iterator<Item = (&str, u16)> {
        let services = self.0.iter().filter(|(key, _)| key.contains('/'));
        services.filter_map(|(key, port)| Some((key.as_str(), port.parse().ok()?)))
    }

    /// What else the operator says, by key.
    pub fn meta(&self) -> impl Iterator<Item = (&str, &str)> {
        let others = self.0.iter().filter(|(key, _)| !key.contains('/') && *key != REVISION);
        others.map(|(key, text)| (key.as_str(), text.as_str()))
    }

    /// The same and the revision, as `KEY=VALUE`.
    pub fn texts(&self) -> impl Iterator<Item = String> {
        let others = self.0.iter().filter(|(key, _)| !key.contains('/'));
        others.map(|(key, text)| format!("{key}={text}"))
    }

    /// The octets that it takes, about.
    pub(super) fn octets(&self) -> usize {
        let texts = self.0.iter().map(|(key, text)| key.len() + text.len());
        texts.map(|octets| octets + 2 * size_of::<String>()).sum()
    }

    /// Whether this may be the name of a service, such as `http/tcp`.
    pub fn is_service(key: &str) -> bool {
        service(key, "1").is_some()
    }

    /// Reads `KEY=VALUE`.
    pub fn read_text(text: &str) -> Option<(String, String)> {
        let (key, text) = text.split_once('=')?;
        meta(key, text)
    }

    /// The same after some of it came or went; `None`: there is none left.
    pub(super) fn changed(
        before: Option<&Arc<Details>>,
        changes: &BTreeMap<String, Option<String>>,
    ) -> Option<Arc<Details>> {
        if changes.is_empty() {
            return before.cloned();
        }
        let mut details = before.map(|it| Details::clone(it)).unwrap_or_default();
        for (key, text) in changes {
            match text {
                // Both kinds, and the revision.
                Some(_) if details.0.len() > 2 * MOST_DETAILS => {}
                Some(text) => _ = details.0.insert(key.clone(), text.clone()),
                None => _ = details.0.remove(key),
            }
        }
        (!details.0.is_empty()).then(|| Arc::new(details))
    }
}

/// The details of the slots that have some. Copies share them until one changes.
#[derive(Clone, Debug, Default)]
pub(super) struct DetailTable(Option<Arc<BTreeMap<SlotId, Arc<Details>>>>);

impl DetailTable {
    #[inline]
    pub(super) fn get(&self, id: SlotId) -> Option<&Arc<Details>> {
        // Mostly nobody has any.
        self.0.as_ref()?.get(&id)
    }

    pub(super) fn set(&mut self, id: SlotId, details: Option<Arc<Details>>) {
        if details.is_none() && self.get(id).is_none() {
            return;
        }
        let all = Arc::make_mut(self.0.get_or_insert_default());
        match details {
            Some(details) => all.insert(id, details),
            None => all.remove(&id),
        };
    }

    /// Forgets one; `false`: there is none.
    pub(super) fn forget_one(&mut self) -> bool {
        let Some(all) = &mut self.0 else { return false };
        // What others have a share in is theirs to drop.
        let forgotten = Arc::get_mut(all).is_some_and(|own| own.pop_first().is_some());
        if !forgotten {
            self.0 = None;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn what_the_options_say_is_read_back_from_the_record() {
        let details = Details::of_options(
            &texts(&["HTTP/tcp=8080", "grpc-2/udp=9"]),
            &texts(&["rack=a7", "note=a=b \"c\" ü", "none="]),
        );
        let details = details.expect("good ones");
        let mut object = Map::new();
        details.add_to(&mut object, None);
        let json = Value::Object(object);
        let wanted = r#"{"meta":{"none":"","note":"a=b \"c\" ü","rack":"a7"},"services":{"grpc-2/udp":"9","http/tcp":"8080"}}"#;
        assert_eq!(json.to_string(), wanted);
        let read = Details::of_json(&json, 7).expect("some");
        assert_eq!(read.services().collect::<Vec<_>>(), [("grpc-2/udp", 9), ("http/tcp", 8080)]);
        let told = ["none=", "note=a=b \"c\" ü", "rack=a7", "revision=7"];
        assert_eq!(read.texts().collect::<Vec<_>>(), told);
        let said = [("none", ""), ("note", "a=b \"c\" ü"), ("rack", "a7")];
        assert_eq!(read.meta().collect::<Vec<_>>(), said);
        assert_eq!(
            (read.port("http/tcp"), read.port("http/udp"), read.port("rack")),
            (Some(8080), None, None)
        );
        // Put again, it says whose revision counts.
        let mut object = Map::new();
        details.add_to(&mut object, Some(5));
        let read = Details::of_json(&Value::Object(object), 7).expect("some");
        assert_eq!(read.texts().last().as_deref(), Some("revision=5"));
        let mut object = Map::new();
        Details::NONE.add_to(&mut object, Some(5));
        assert!(object.is_empty());
    }

    #[test]
    fn what_cannot_be_told_is_an_error_and_of_others_left_out() {
        let many: Vec<String> = (0..9).map(|number| format!("k{number}=x")).collect();
        let long = format!("k={}", "x".repeat(201));
        let table: [(&[&str], &[&str], &str); 12] = [
            (&["http=80"], &[], "is no service; write NAME/tcp=PORT"),
            (&["http/tcp"], &[], "is no service"),
            (&["http/sctp=80"], &[], "is no service"),
            (&["http/tcp=0"], &[], "is no service"),
            (&["http/tcp=+80"], &[], "is no service"),
            (&["_http/tcp=80"], &[], "is no service"),
            (&["a-name-of-sixteen/tcp=80"], &[], "is no service"),
            (&["a/tcp=1", "A/tcp=2"], &[], "is given twice"),
            (&[], &["rack"], "is no key with a value; write KEY=VALUE"),
            (&[], &["a/tcp=b"], "is no key with a value"),
            (&[], &["a=b\n"], "is no key with a value"),
            (&[], &["revision=3"], "the node itself tells revision"),
        ];
        for (services, others, wanted) in table {
            let (_, why) =
                Details::of_options(&texts(services), &texts(others)).expect_err("no good");
            assert!(why.contains(wanted), "{services:?} {others:?}: {why}");
        }
        assert!(Details::of_options(&[], &many).is_err_and(|(_, why)| why.contains("8 at most")));
        assert!(Details::of_options(&[], &[long]).is_err());
        for json in ["{}", r#"{"meta":[]}"#, r#"{"meta":{"ready":"false","a/tcp":"x","b":3}}"#] {
            let json = serde_json::from_str(json).expect("JSON");
            assert_eq!(Details::of_json(&json, 1), None);
        }
    }
}
