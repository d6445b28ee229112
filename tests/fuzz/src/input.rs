//! The fuzzer's octets, taken one after the other as what a target needs.

/// What is left of the octets. Past their end everything is 0 or empty, so that every input stands
/// for something.
pub struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    pub fn new(data: &'a [u8]) -> Self {
        Input(data)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn octet(&mut self) -> u8 {
        self.take(1).first().copied().unwrap_or(0)
    }

    pub fn u32(&mut self) -> u32 {
        self.take(4).iter().fold(0, |number, octet| number << 8 | u32::from(*octet))
    }

    /// One of these, which must not be empty.
    pub fn choose<'t, T>(&mut self, table: &'t [T]) -> &'t T {
        &table[usize::from(self.octet()) % table.len()]
    }

    /// So many octets, or as many as are left.
    pub fn take(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        taken
    }

    /// Everything that is left.
    pub fn rest(self) -> &'a [u8] {
        self.0
    }
}
