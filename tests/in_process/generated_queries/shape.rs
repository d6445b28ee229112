//! How a query is put together, read again and apart from the server's own reader.

/// A header, and what follows it.
#[derive(Debug, Default)]
pub struct Shape {
    pub opcode: u8,
    pub questions: u16,
    /// Where the one question ends, if there is exactly one that can be read.
    pub question_end: Option<usize>,
    /// The first OPT record.
    pub opt: Option<Opt>,
    /// Whether all is as the counts say, without anything left over.
    pub is_sound: bool,
}

/// An OPT record.
#[derive(Clone, Debug)]
pub struct Opt {
    pub payload: u16,
    pub version: u8,
    pub is_dnssec_ok: bool,
    /// Codes and data; empty where they cannot be read.
    pub options: Vec<(u16, Vec<u8>)>,
}

/// What is still to be read.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<u16> {
        self.take(2).map(|octets| u16::from(octets[0]) << 8 | u16::from(octets[1]))
    }

    /// Passes a name, and tells whether it ends in a pointer.
    fn name(&mut self) -> Option<bool> {
        let mut length = 1;
        loop {
            let octet = self.take(1)?[0];
            match octet {
                0 => return Some(false),
                1..=63 => {
                    self.take(usize::from(octet))?;
                    length += 1 + usize::from(octet);
                    if length > 255 {
                        return None;
                    }
                }
                192..=255 => return self.take(1).map(|_| true),
                _ => return None,
            }
        }
    }
}

impl Shape {
    /// `None` for what no server answers: less than a header, or a response.
    pub fn read(query: &[u8]) -> Option<Shape> {
        let header = query.get(..12).filter(|header| header[2] < 128)?;
        let count = |at: usize| u16::from(header[at]) << 8 | u16::from(header[at + 1]);
        let mut shape = Shape {
            opcode: header[2] >> 3,
            questions: count(4),
            is_sound: true,
            ..Shape::default()
        };
        let mut rest = Rest(&query[12..]);
        let whole = shape.read_body(&mut rest, [count(6), count(8), count(10)]);
        shape.is_sound &= whole.is_some() && rest.0.is_empty();
        if shape.questions == 1 {
            shape.question_end = lone_question_end(query);
            shape.is_sound &= shape.question_end.is_some();
        }
        Some(shape)
    }

    /// The first option of this code.
    pub fn option(&self, code: u16) -> Option<&[u8]> {
        let options = self.opt.iter().flat_map(|opt| &opt.options);
        options.into_iter().find(|(other, _)| *other == code).map(|(_, data)| data.as_slice())
    }

    fn read_body(&mut self, rest: &mut Rest<'_>, counts: [u16; 3]) -> Option<()> {
        for _ in 0..self.questions {
            rest.name()?;
            rest.take(4)?;
        }
        for (section, count) in counts.into_iter().enumerate() {
            for _ in 0..count {
                self.read_record(rest, section == 2)?;
            }
        }
        Some(())
    }

    fn read_record(&mut self, rest: &mut Rest<'_>, is_additional: bool) -> Option<()> {
        let is_root = rest.0.first() == Some(&0);
        rest.name()?;
        let [rrtype, class] = [rest.number()?, rest.number()?];
        let ttl = rest.take(4)?;
        let length = rest.number()?;
        let data = rest.take(usize::from(length))?;
        if rrtype != 41 {
            return Some(());
        }
        let options = if ttl[1] == 0 { options(data) } else { Some(Vec::new()) };
        self.is_sound &= is_root && is_additional && self.opt.is_none() && options.is_some();
        self.opt.get_or_insert(Opt {
            payload: class,
            version: ttl[1],
            is_dnssec_ok: ttl[2] > 127,
            options: options.unwrap_or_default(),
        });
        // After a broken OPT nothing is to be found.
        self.is_sound.then_some(())
    }
}

/// Where the question after the header ends, which has nothing before it to point to.
fn lone_question_end(query: &[u8]) -> Option<usize> {
    let mut rest = Rest(&query[12..]);
    let is_pointer = rest.name()?;
    rest.take(4)?;
    (!is_pointer).then_some(query.len() - rest.0.len())
}

/// The options, of which a cookie has a length of 8, or 16 to 40 (only the first one counts).
fn options(data: &[u8]) -> Option<Vec<(u16, Vec<u8>)>> {
    let (mut rest, mut options) = (Rest(data), Vec::<(u16, Vec<u8>)>::new());
    while !rest.0.is_empty() {
        let (code, length) = (rest.number()?, rest.number()?);
        let value = rest.take(usize::from(length))?;
        let is_first_cookie = code == 10 && !options.iter().any(|(other, _)| *other == 10);
        if is_first_cookie && !matches!(value.len(), 8 | 16..=40) {
            return None;
        }
        options.push((code, value.to_vec()));
    }
    Some(options)
}
