//! Which keys a request is about.

/// Keys from a first one on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span<'a> {
    pub(super) first: &'a [u8],
    pub(super) end: End<'a>,
}

/// Where a span ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End<'a> {
    /// With its first key.
    AtOnce,
    /// Before this key.
    Before(&'a [u8]),
    /// Nowhere.
    Never,
}

impl<'a> Span<'a> {
    /// As etcd reads `range_end`: empty stands for the one key, a zero octet for all that follow.
    pub(super) fn new(first: &'a [u8], range_end: &'a [u8]) -> Span<'a> {
        let end = match range_end {
            [] => End::AtOnce,
            [0] => End::Never,
            end => End::Before(end),
        };
        Span { first, end }
    }

    pub(super) fn contains(&self, key: &[u8]) -> bool {
        key >= self.first && !self.is_before(key)
    }

    /// Returns whether the span ends before this key, which is at least its first.
    pub(super) fn is_before(&self, key: &[u8]) -> bool {
        match self.end {
            End::AtOnce => key > self.first,
            End::Before(end) => key >= end,
            End::Never => false,
        }
    }

    /// The one key of the span, if it has just one.
    pub(super) fn single(&self) -> Option<&'a [u8]> {
        match self.end {
            End::AtOnce => Some(self.first),
            End::Before([key @ .., 0]) if key == self.first => Some(self.first),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_read_as_etcd_does() {
        let contained = |first: &str, end: &str| {
            let span = Span::new(first.as_bytes(), end.as_bytes());
            ["a", "b", "b\0", "c"].map(|key| span.contains(key.as_bytes()))
        };
        assert_eq!(contained("b", ""), [false, true, false, false]);
        assert_eq!(contained("b", "b\0"), [false, true, false, false]);
        assert_eq!(contained("b", "c"), [false, true, true, false]);
        assert_eq!(contained("b", "\0"), [false, true, true, true]);
        assert_eq!(contained("b", "a"), [false; 4]);
        assert_eq!(Span::new(b"b", b"b\0").single(), Some(&b"b"[..]));
        assert_eq!(Span::new(b"b", b"c").single(), None);
    }
}
