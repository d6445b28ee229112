//! The slots of one range that publish an address, whether their nodes are in the group or not.

use super::addresses::Published;
use super::pattern::SlotId;

/// Those in the group, and the others; one of them at least.
#[derive(Clone, Copy, Debug)]
pub(super) struct AddressSlots<'a> {
    inside: Option<Published<'a>>,
    outside: Option<Published<'a>>,
}

impl<'a> AddressSlots<'a> {
    /// `None`: there are none.
    pub(super) fn new(
        inside: Option<Published<'a>>,
        outside: Option<Published<'a>>,
    ) -> Option<AddressSlots<'a>> {
        (inside.is_some() || outside.is_some()).then_some(AddressSlots { inside, outside })
    }

    /// The number of slots.
    pub(super) fn count(self) -> usize {
        self.inside.map_or(0, Published::count) + self.outside.map_or(0, Published::count)
    }

    /// The slots, lowest first.
    pub(super) fn slots(self) -> impl Iterator<Item = SlotId> + 'a {
        let of = |published: Option<Published<'a>>| {
            published.into_iter().flat_map(Published::slots).peekable()
        };
        let (mut inside, mut outside) = (of(self.inside), of(self.outside));
        std::iter::from_fn(move || match (inside.peek(), outside.peek()) {
            (Some(one), Some(other)) if one > other => outside.next(),
            (Some(_), _) => inside.next(),
            (None, _) => outside.next(),
        })
    }
}
