//! Octets that are read one field after the other.

/// What is still to be read.
pub struct Octets<'a>(pub &'a [u8]);

impl<'a> Octets<'a> {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    pub fn number(&mut self) -> Option<u16> {
        self.take(2).map(|octets| u16::from_be_bytes([octets[0], octets[1]]))
    }

    /// Passes a character string (RFC 1035 §3.3).
    pub fn string(&mut self) -> Option<&'a [u8]> {
        let length = self.take(1)?[0];
        self.take(usize::from(length))
    }

    /// Passes a name, and returns its labels before a pointer, and whether there is one.
    pub fn name(&mut self) -> Option<(Vec<Vec<u8>>, bool)> {
        let (mut labels, mut length) = (Vec::new(), 1);
        loop {
            let octet = self.take(1)?[0];
            match octet {
                0 => return Some((labels, false)),
                1..=63 => {
                    labels.push(self.take(usize::from(octet))?.to_vec());
                    length += 1 + usize::from(octet);
                    if length > 255 {
                        return None;
                    }
                }
                192..=255 => return self.take(1).map(|_| (labels, true)),
                _ => return None,
            }
        }
    }
}
