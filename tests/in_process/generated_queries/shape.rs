//! How a query is put together, read again and apart from the server's own reader.

use support::dns::Opt;
use support::dns::message::Question;
use support::dns::octets::Octets;

/// A header, and what follows it.
#[derive(Debug, Default)]
pub struct Shape {
    pub opcode: u8,
    pub questions: u16,
    /// The one question, and where it ends, if there is exactly one that can be read.
    pub question: Option<(Question, usize)>,
    /// The first OPT record; without options where they cannot be read.
    pub opt: Option<Opt>,
    /// Whether all is as the counts say, without anything left over.
    pub is_sound: bool,
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
        let mut rest = Octets(&query[12..]);
        let whole = shape.read_body(&mut rest, [count(6), count(8), count(10)]);
        shape.is_sound &= whole.is_some() && rest.0.is_empty();
        if shape.questions == 1 {
            shape.question = lone_question(query);
            shape.is_sound &= shape.question.is_some();
        }
        Some(shape)
    }

    /// The first option of this code.
    pub fn option(&self, code: u16) -> Option<&[u8]> {
        let options = self.opt.iter().flat_map(|opt| &opt.options);
        options.into_iter().find(|(other, _)| *other == code).map(|(_, data)| data.as_slice())
    }

    fn read_body(&mut self, rest: &mut Octets<'_>, counts: [u16; 3]) -> Option<()> {
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

    fn read_record(&mut self, rest: &mut Octets<'_>, is_additional: bool) -> Option<()> {
        let is_root = rest.0.first() == Some(&0);
        rest.name()?;
        let [rrtype, class] = [rest.number()?, rest.number()?];
        let ttl = rest.take(4)?;
        let length = rest.number()?;
        let data = rest.take(usize::from(length))?;
        if rrtype != 41 {
            return Some(());
        }
        let ttl = u32::from_be_bytes(ttl.try_into().ok()?);
        let none = Opt::read(class, ttl, &[])?;
        // Of a version that nobody knows the options are as unknown.
        let opt = if none.version == 0 { read_opt(class, ttl, data) } else { Some(none.clone()) };
        self.is_sound &= is_root && is_additional && self.opt.is_none() && opt.is_some();
        self.opt.get_or_insert(opt.unwrap_or(none));
        // After a broken OPT nothing is to be found.
        self.is_sound.then_some(())
    }
}

/// The question after the header, which has nothing before it to point to, and where it ends.
fn lone_question(query: &[u8]) -> Option<(Question, usize)> {
    let mut rest = Octets(&query[12..]);
    let (name, has_pointer) = rest.name()?;
    let question = Question { name, rrtype: rest.number()?, class: rest.number()? };
    (!has_pointer).then_some((question, query.len() - rest.0.len()))
}

/// An OPT record, in which a cookie has a length of 8, or 16 to 40 (only the first one counts).
fn read_opt(class: u16, ttl: u32, data: &[u8]) -> Option<Opt> {
    let opt = Opt::read(class, ttl, data)?;
    let cookie = opt.options.iter().find(|(code, _)| *code == 10);
    cookie.is_none_or(|(_, cookie)| matches!(cookie.len(), 8 | 16..=40)).then_some(opt)
}
