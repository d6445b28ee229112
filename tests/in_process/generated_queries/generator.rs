//! Queries: good ones, odd ones, and either with a few octets changed.

mod names;

/// How far the names can be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Synced,
    Stale,
    Expired,
    Empty,
}

pub struct Generator {
    random: u64,
    names: Vec<String>,
    /// A cookie that the server gave.
    cookie: Vec<u8>,
}

const TYPES: [u16; 16] = [1, 1, 1, 28, 28, 33, 33, 12, 6, 2, 16, 255, 255, 252, 251, 65];
impl Generator {
    pub fn new(seed: u64, names: Vec<String>) -> Generator {
        let random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        Generator { random, names, cookie: Vec::new() }
    }

    /// Keeps a cookie, to show it later.
    pub fn learn(&mut self, cookie: Option<Vec<u8>>) {
        self.cookie = cookie.unwrap_or_else(|| std::mem::take(&mut self.cookie));
    }

    /// The next query, and to whom it goes.
    pub fn next(&mut self) -> (Vec<u8>, State) {
        let state = match self.below(20) {
            0 => State::Stale,
            1 => State::Expired,
            2 => State::Empty,
            _ => State::Synced,
        };
        let mut query = self.well_formed();
        if self.one_in(5) {
            self.mutate(&mut query);
        }
        (query, state)
    }

    /// Xorshift.
    fn random(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.random() >> 16) as usize % bound
    }

    fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    fn octets(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.random() as u8).collect()
    }

    fn well_formed(&mut self) -> Vec<u8> {
        let is_chaos = self.one_in(25);
        let mut query = self.octets(2);
        query.extend(self.flags());
        query.extend([0; 8]);
        query[5] = if self.one_in(60) { self.below(4) as u8 } else { 1 };
        for _ in 0..query[5] {
            let name = if is_chaos { self.chaos_name() } else { self.name() };
            query.extend(name);
            let rrtype = match self.below(8) {
                0 => self.random() as u16,
                _ if is_chaos => 16,
                _ => self.pick(&TYPES),
            };
            let class = match self.below(40) {
                0 => self.random() as u16,
                _ if is_chaos => 3,
                _ => 1,
            };
            query.extend([rrtype.to_be_bytes(), class.to_be_bytes()].concat());
        }
        self.add_records(&mut query);
        query
    }

    fn flags(&mut self) -> [u8; 2] {
        let opcode = if self.one_in(30) { self.below(16) as u8 } else { 0 };
        let response = if self.one_in(60) { 0x80 } else { 0 };
        match self.below(4) {
            // Everything but QR and the opcode.
            0 => [response | opcode << 3 | self.random() as u8 & 7, self.random() as u8],
            _ => [response | opcode << 3 | 1, 0],
        }
    }

    /// Records that have no business in a query, and OPT, mostly where it belongs.
    fn add_records(&mut self, query: &mut Vec<u8>) {
        if self.one_in(25) {
            let section = 7 + 2 * self.below(3);
            query[section] += 1;
            let owner = if self.one_in(2) { vec![0] } else { vec![1, b'x', 0xc0, 12] };
            let length = self.below(20);
            let data = self.octets(length);
            query.extend(owner);
            query.extend([0, self.pick(&[1, 16, 250]), 0, 1, 0, 0, 0, 5, 0, length as u8]);
            query.extend(data);
        }
        let count = match self.below(20) {
            0..8 => 0,
            8 => 2,
            _ => 1,
        };
        for _ in 0..count {
            let section = if self.one_in(80) { 7 + 2 * self.below(2) } else { 11 };
            query[section] += 1;
            let opt = self.opt();
            query.extend(opt);
        }
    }

    fn opt(&mut self) -> Vec<u8> {
        let payload = match self.below(4) {
            0 => self.random() as u16,
            _ => self.pick(&[0, 512, 600, 1200, 1232, 1233, 4096, 65_535]),
        };
        let version = if self.one_in(12) { self.random() as u8 } else { 0 };
        let flags = if self.one_in(3) { self.random() as u16 } else { 0 };
        let mut options = Vec::new();
        for _ in 0..self.below(4) {
            let option = self.option();
            options.extend(option);
        }
        let mut opt = if self.one_in(80) { vec![1, b'o', 0] } else { vec![0] };
        opt.extend([0, 41]);
        opt.extend([payload.to_be_bytes(), [self.one_in(50).into(), version]].concat());
        opt.extend([flags, options.len() as u16].map(u16::to_be_bytes).concat());
        opt.extend(options);
        opt
    }

    fn option(&mut self) -> Vec<u8> {
        let (code, data) = match self.below(8) {
            0 | 1 => (3, if self.one_in(4) { self.octets(3) } else { Vec::new() }),
            2 => (10, self.octets(8)),
            3 => (10, self.cookie.clone()),
            4 => {
                let length = self.below(45);
                (10, self.octets(length))
            }
            5 => (self.pick(&[8, 9, 11, 12, 15]), vec![0; 4]),
            _ => {
                let length = self.below(30);
                (self.random() as u16 | 0x4000, self.octets(length))
            }
        };
        [&u16::to_be_bytes(code)[..], &(data.len() as u16).to_be_bytes(), &data].concat()
    }

    fn mutate(&mut self, query: &mut Vec<u8>) {
        for _ in 0..1 + self.below(4) {
            if query.is_empty() {
                return;
            }
            let at = self.below(query.len());
            match self.below(6) {
                0 => query.truncate(at),
                1 => query.insert(at, self.random as u8),
                2 => query[at] ^= 1 << self.below(8),
                3 => drop(query.remove(at)),
                4 => query.extend([0]),
                _ => query[at] = self.random() as u8,
            }
        }
    }
}
