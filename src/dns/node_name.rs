//! The names of the nodes of a range on the wire, written one after the other.

use super::reply::push_name_by;
use super::wire::LONGEST_NAME;
use crate::cluster::{Names, Pattern, SlotId};

/// The name of a node on the wire, but for its number.
#[derive(Clone, Debug)]
pub(super) struct NodeName<'a> {
    /// `None`: the name has no number, and is all before it.
    pattern: Option<&'a Pattern>,
    before: Vec<u8>,
    after: Vec<u8>,
    /// The place, in what is before the number, of the length of the label that holds it. The
    /// number's digits are to be added there.
    label: usize,
}

impl<'a> NodeName<'a> {
    pub(super) fn new(names: &'a Names) -> Self {
        let (prefix, suffix) = match names {
            Names::Numbered(pattern) => pattern.around_number(),
            Names::Single(name) => (name.as_str(), ""),
        };
        let mut before = Vec::with_capacity(LONGEST_NAME);
        push_name_by(&mut before, |text| {
            text.extend_from_slice(prefix.as_bytes());
            text.extend_from_slice(suffix.as_bytes());
        });
        // On the wire a name begins with a length, in whose stead the text has a dot further on.
        let after = before.split_off(before.len().min(1 + prefix.len()));
        let label = prefix.rfind('.').map_or(0, |dot| dot + 1);
        NodeName { pattern: names.pattern(), before, after, label }
    }

    /// Appends the name of a slot.
    #[inline]
    pub(super) fn write(&self, slot: SlotId, octets: &mut Vec<u8>) {
        let start = octets.len();
        octets.extend_from_slice(&self.before);
        let Some(pattern) = self.pattern else { return };
        let number = octets.len();
        pattern.push_number(slot, octets);
        let digits = octets.len() - number;
        octets.extend_from_slice(&self.after);
        if let Some(length) = octets.get_mut(start + self.label) {
            *length = length.saturating_add(u8::try_from(digits).unwrap_or(u8::MAX));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_node_is_that_of_its_slot() {
        let patterns = [
            "worker{{.ID}}.tf.local.",
            "{{.ID}}.n.",
            "n{{printf \"%03d\" .ID}}-x.a.",
            "x.w{{.ID}}.a_b.",
            "x.{{.ID}}.a_b.",
            "x.{{.ID}}y.a_b.",
        ];
        for text in patterns {
            let pattern = Pattern::parse(text, 9).expect(text);
            let names = Names::Numbered(pattern.clone());
            let name = NodeName::new(&names);
            for slot in [1, 9, 10, 999, 1000, u32::MAX].into_iter().filter_map(SlotId::new) {
                let (mut written, mut wanted) = (b"before".to_vec(), b"before".to_vec());
                name.write(slot, &mut written);
                push_name_by(&mut wanted, |text| text.extend(pattern.name(slot).bytes()));
                assert_eq!(written, wanted, "{text} {slot}");
            }
        }
    }

    #[test]
    fn a_name_without_a_number_is_all_there_is() {
        let name = Names::parse("db.example.com.", 9).expect("a good name");
        let (mut written, mut wanted) = (Vec::new(), Vec::new());
        NodeName::new(&name).write(SlotId::FIRST, &mut written);
        push_name_by(&mut wanted, |text| text.extend_from_slice(b"db.example.com."));
        assert_eq!(written, wanted);
    }
}
