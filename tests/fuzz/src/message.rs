//! A strict reader of DNS messages that shares no code with the server: every octet must belong to
//! something, every name must be one (RFC 1035 §4.1), and a pointer leads back to where a label of
//! an earlier name begins.

const HEADER: usize = 12;

/// A message, taken apart.
#[derive(Debug)]
pub struct Message {
    pub flags: u16,
    /// The questions as they stand on the wire.
    pub questions: Vec<Vec<u8>>,
    /// Answer, authority, additional.
    pub sections: [Vec<Record>; 3],
}

#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Record {
    /// The owner on the wire, without pointers.
    pub owner: Vec<u8>,
    pub rrtype: u16,
    pub class: u16,
    pub ttl: u32,
    pub data: Vec<u8>,
}

/// The numbers of the types whose data is looked at.
pub mod rrtype {
    pub const A: u16 = 1;
    pub const NS: u16 = 2;
    pub const SOA: u16 = 6;
    pub const PTR: u16 = 12;
    pub const HINFO: u16 = 13;
    pub const TXT: u16 = 16;
    pub const AAAA: u16 = 28;
    pub const SRV: u16 = 33;
    pub const OPT: u16 = 41;
    pub const TSIG: u16 = 250;
}

type Broken = &'static str;

/// Takes a message apart.
pub fn read(octets: &[u8]) -> Result<Message, Broken> {
    let mut reader = Reader { octets, at: 0, labels: vec![false; octets.len()] };
    let [_, flags, questions, answers, authorities, additional] = reader.u16s()?;
    let questions = (0..questions).map(|_| reader.question()).collect::<Result<_, _>>()?;
    let mut section = |count| (0..count).map(|_| reader.record()).collect::<Result<_, _>>();
    let sections = [section(answers)?, section(authorities)?, section(additional)?];
    if reader.at != octets.len() {
        return Err("octets are left over");
    }
    Ok(Message { flags, questions, sections })
}

struct Reader<'a> {
    octets: &'a [u8],
    at: usize,
    /// Where a label begins.
    labels: Vec<bool>,
}

impl Reader<'_> {
    fn take(&mut self, length: usize) -> Result<&[u8], Broken> {
        let taken = self.octets.get(self.at..self.at + length).ok_or("cut off")?;
        self.at += length;
        Ok(taken)
    }

    fn u16(&mut self) -> Result<u16, Broken> {
        let octets = self.take(2)?;
        Ok(u16::from(octets[0]) << 8 | u16::from(octets[1]))
    }

    fn u16s<const N: usize>(&mut self) -> Result<[u16; N], Broken> {
        let mut numbers = [0; N];
        for number in &mut numbers {
            *number = self.u16()?;
        }
        Ok(numbers)
    }

    fn question(&mut self) -> Result<Vec<u8>, Broken> {
        let start = self.at;
        self.name(Pointers::Refused)?;
        self.take(4)?;
        Ok(self.octets[start..self.at].to_vec())
    }

    fn record(&mut self) -> Result<Record, Broken> {
        let owner = self.name(Pointers::Followed)?;
        let [rrtype, class, high, low, length] = self.u16s()?;
        let ttl = u32::from(high) << 16 | u32::from(low);
        let start = self.at;
        let end = start + usize::from(length);
        let data = self.octets.get(start..end).ok_or("data that is cut off")?.to_vec();
        match rrtype {
            rrtype::A => self.take(4).map(|_| ())?,
            rrtype::AAAA => self.take(16).map(|_| ())?,
            rrtype::NS | rrtype::PTR => self.name(Pointers::Followed).map(|_| ())?,
            rrtype::SRV => {
                self.take(6)?;
                // RFC 2782: no compression.
                self.name(Pointers::Refused)?;
            }
            rrtype::SOA => {
                self.name(Pointers::Followed)?;
                self.name(Pointers::Followed)?;
                self.take(20)?;
            }
            rrtype::HINFO => {
                self.text()?;
                self.text()?;
            }
            rrtype::TXT => {
                self.text()?;
                while self.at < end {
                    self.text()?;
                }
            }
            rrtype::OPT => self.options(end)?,
            _ => return Err("a record that nobody asked for"),
        }
        if self.at != end {
            return Err("data of another length than it says");
        }
        Ok(Record { owner, rrtype, class, ttl, data })
    }

    fn text(&mut self) -> Result<(), Broken> {
        let length = self.take(1)?[0];
        self.take(usize::from(length)).map(|_| ())
    }

    fn options(&mut self, end: usize) -> Result<(), Broken> {
        while self.at < end {
            let [_, length] = self.u16s()?;
            self.take(usize::from(length))?;
        }
        Ok(())
    }

    fn name(&mut self, pointers: Pointers) -> Result<Vec<u8>, Broken> {
        let mut name = Vec::new();
        let mut begin = self.at;
        // Where reading goes on after the name, once a pointer was followed.
        let mut resume = None;
        loop {
            let start = self.at;
            let length = self.take(1)?[0];
            match length {
                0..=63 => {
                    if resume.is_none() {
                        self.labels[start] = true;
                    }
                    name.push(length);
                    name.extend_from_slice(self.take(usize::from(length))?);
                }
                192.. if pointers == Pointers::Followed => {
                    let target = usize::from(length & 63) << 8 | usize::from(self.take(1)?[0]);
                    resume = resume.or(Some(self.at));
                    if target >= begin {
                        return Err("a pointer that does not lead back");
                    }
                    if target < HEADER || !self.labels[target] {
                        return Err("a pointer to where no label begins");
                    }
                    (begin, self.at) = (target, target);
                }
                192.. => return Err("a pointer where there may be none"),
                _ => return Err("a label of unknown kind"),
            }
            if name.len() > 255 {
                return Err("a name over 255 octets");
            }
            if length == 0 {
                self.at = resume.unwrap_or(self.at);
                return Ok(name);
            }
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Pointers {
    Followed,
    Refused,
}

/// What the OPT record of a query says of the longest reply, however odd the query is otherwise.
/// `None` where there is none, or where the query ends before.
pub fn payload(query: &[u8]) -> Option<u16> {
    let u16_at = |at: usize| Some(u16::from_be_bytes(query.get(at..at + 2)?.try_into().ok()?));
    let records: u32 = [6, 8, 10].into_iter().filter_map(u16_at).map(u32::from).sum();
    let mut at = HEADER;
    for _ in 0..u16_at(4)? {
        at = end_of_name(query, at)? + 4;
    }
    for _ in 0..records {
        at = end_of_name(query, at)?;
        if u16_at(at)? == rrtype::OPT {
            return u16_at(at + 2);
        }
        at += 10 + usize::from(u16_at(at + 8)?);
    }
    None
}

fn end_of_name(octets: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match *octets.get(at)? {
            0 => return Some(at + 1),
            192.. => return Some(at + 2),
            length => at += 1 + usize::from(length),
        }
    }
}
