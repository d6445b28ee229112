//! Long work in slices: between two of them, what must not wait is done.

use std::io::{self, BufReader, Read};
use std::sync::Arc;

use serde_json::Value;

/// Octets that are read or made in one go: some tenths of a millisecond.
const SLICE: usize = 8 * 1024;

/// Values that are given up in one go.
const MOST_DISCARDED: usize = 256;

/// A callback between two slices of long work.
#[derive(Clone)]
pub(super) struct Slices(Arc<dyn Fn() + Send + Sync>);

impl Slices {
    pub(super) fn new(take: impl Fn() + Send + Sync + 'static) -> Slices {
        Slices(Arc::new(take))
    }

    /// The first JSON value in these octets; `None`: there is none.
    pub(super) fn first_value(&self, octets: &[u8]) -> Option<serde_json::Result<Value>> {
        serde_json::Deserializer::from_reader(self.sliced(octets)).into_iter().next()
    }

    /// The JSON value that these octets are.
    pub(super) fn value(&self, octets: &[u8]) -> serde_json::Result<Value> {
        serde_json::from_reader(self.sliced(octets))
    }

    /// Makes something of each of the items, of which `size` says how many octets it has.
    pub(super) fn map<'a, T, R, E>(
        &'a self,
        items: &'a [T],
        make: impl Fn(&T) -> Result<R, E> + 'a,
        size: impl Fn(&R) -> usize + 'a,
    ) -> impl Iterator<Item = Result<R, E>> + 'a {
        let mut made = 0;
        items.iter().map(move |item| {
            if made >= SLICE {
                made = 0;
                (self.0)();
            }
            make(item).inspect(|it| made += size(it))
        })
    }

    /// Gives up a value, of which there may be much.
    pub(super) fn discard(&self, value: Value) {
        let mut rest = vec![value];
        let mut discarded = 0;
        while let Some(value) = rest.pop() {
            match value {
                Value::Array(values) => rest.extend(values),
                Value::Object(fields) => rest.extend(fields.into_iter().map(|(_, value)| value)),
                _ => {}
            }
            discarded += 1;
            if discarded % MOST_DISCARDED == 0 {
                (self.0)();
            }
        }
    }

    fn sliced<'a>(&'a self, octets: &'a [u8]) -> BufReader<Sliced<'a>> {
        BufReader::with_capacity(SLICE.min(octets.len() + 1), Sliced { octets, slices: self })
    }
}

impl Default for Slices {
    fn default() -> Self {
        Slices::new(|| {})
    }
}

/// Octets that are read slice by slice.
struct Sliced<'a> {
    octets: &'a [u8],
    slices: &'a Slices,
}

impl Read for Sliced<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.octets.read(buffer)?;
        if !self.octets.is_empty() {
            (self.slices.0)();
        }
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// Slices, and how often they called.
    fn counted() -> (Slices, Arc<AtomicUsize>) {
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = calls.clone();
        let slices = Slices::new(move || {
            counted.fetch_add(1, Ordering::Relaxed);
        });
        (slices, calls)
    }

    #[test]
    fn many_items_are_made_with_a_call_after_each_slice() {
        let (slices, calls) = counted();
        for (sizes, wanted) in [(&[10, 10][..], 0), (&[SLICE, 10], 1), (&[SLICE; 5], 4)] {
            calls.store(0, Ordering::Relaxed);
            let made: Result<Vec<usize>, ()> = slices.map(sizes, |it| Ok(*it), |it| *it).collect();
            assert_eq!(made.as_deref(), Ok(sizes));
            assert_eq!(calls.load(Ordering::Relaxed), wanted, "{sizes:?}");
        }
    }

    #[test]
    fn what_is_large_is_given_up_piece_by_piece() {
        let (slices, calls) = counted();
        // Of each item there are three values, and a list around them.
        for (items, wanted) in [(0, 0), (80, 0), (256, 3), (1000, 11)] {
            calls.store(0, Ordering::Relaxed);
            let item = serde_json::json!({"key": "a", "value": "b"});
            slices.discard(serde_json::json!(vec![item; items]));
            assert_eq!(calls.load(Ordering::Relaxed), wanted, "{items} items");
        }
    }

    #[test]
    fn large_values_are_read_the_same_with_a_call_after_each_slice() {
        let (slices, calls) = counted();
        for (length, wanted) in [(10, 0), (SLICE - 100, 0), (10 * SLICE, 10)] {
            let value = serde_json::json!({"kvs": [{"key": "x".repeat(length)}, 7]});
            calls.store(0, Ordering::Relaxed);
            assert_eq!(slices.value(value.to_string().as_bytes()).ok(), Some(value.clone()));
            assert_eq!(calls.load(Ordering::Relaxed), wanted, "{length} octets");
            let several = format!("{value}\n{{}}\n");
            let first = slices.first_value(several.as_bytes()).and_then(Result::ok);
            assert_eq!(first, Some(value));
            assert!(slices.value(several.as_bytes()).is_err());
        }
        assert!(slices.first_value(b" ").is_none());
        assert!(slices.first_value(&vec![b' '; 2 * SLICE]).is_none());
        assert!(slices.first_value(&vec![b'['; 2 * SLICE]).is_some_and(|value| value.is_err()));
    }
}
