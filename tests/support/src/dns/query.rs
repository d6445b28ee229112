//! A builder of queries, good and bad ones.

use super::message::Opt;

/// A query, which is well formed as long as what is put into it is.
#[derive(Clone, Debug)]
pub struct Query {
    pub id: u16,
    pub flags: u16,
    /// In wire form.
    pub questions: Vec<Vec<u8>>,
    /// The records of answer, authority and additional section, in wire form.
    pub sections: [Vec<Vec<u8>>; 3],
}

/// The size of a datagram that the tests' queries allow by EDNS, as most resolvers do.
const PAYLOAD: u16 = 1232;

impl Query {
    /// Without a question.
    pub fn empty() -> Query {
        Query { id: 0x1234, flags: 0, questions: Vec::new(), sections: Default::default() }
    }

    /// Of the class IN.
    pub fn new(name: &str, rrtype: impl Into<u16>) -> Query {
        Query::of_class(1, name, rrtype)
    }

    pub fn of_class(class: u16, name: &str, rrtype: impl Into<u16>) -> Query {
        Query::empty().asking(&wire(name), rrtype.into(), class)
    }

    /// With one more question, whose name is in wire form.
    pub fn asking(mut self, name: &[u8], rrtype: u16, class: u16) -> Query {
        self.questions.push([name, &rrtype.to_be_bytes(), &class.to_be_bytes()].concat());
        self
    }

    pub fn with_id(self, id: u16) -> Query {
        Query { id, ..self }
    }

    pub fn with_flags(self, flags: u16) -> Query {
        Query { flags, ..self }
    }

    pub fn with_opt(mut self, opt: &Opt) -> Query {
        self.sections[2].push(opt.record());
        self
    }

    pub fn octets(&self) -> Vec<u8> {
        let count = |parts: &Vec<Vec<u8>>| u16::try_from(parts.len()).expect("few").to_be_bytes();
        let mut octets = [self.id, self.flags].map(u16::to_be_bytes).concat();
        octets.extend(count(&self.questions));
        octets.extend(self.sections.each_ref().map(count).concat());
        octets.extend(self.questions.concat());
        octets.extend(self.sections.iter().flatten().flatten());
        octets
    }
}

/// A name in wire form; that of the root where it is a dot or nothing.
pub fn wire(name: &str) -> Vec<u8> {
    let mut wire = Vec::new();
    for label in name.split('.').filter(|label| !label.is_empty()) {
        wire.push(u8::try_from(label.len()).expect("a label"));
        wire.extend(label.bytes());
    }
    wire.push(0);
    wire
}

/// As most clients send it.
impl Default for Opt {
    fn default() -> Opt {
        Opt { payload: PAYLOAD, rcode: 0, version: 0, flags: 0, options: Vec::new() }
    }
}

impl Opt {
    /// With one more option.
    pub fn with(mut self, code: u16, data: &[u8]) -> Opt {
        self.options.push((code, data.to_vec()));
        self
    }

    /// The record on the wire.
    pub fn record(&self) -> Vec<u8> {
        let mut data = Vec::new();
        for (code, value) in &self.options {
            data.extend(code.to_be_bytes());
            data.extend(u16::try_from(value.len()).expect("short").to_be_bytes());
            data.extend(value);
        }
        let length = u16::try_from(data.len()).expect("short");
        let mut record = vec![0, 0, 41];
        record.extend(self.payload.to_be_bytes());
        record.extend([self.rcode, self.version]);
        record.extend([self.flags, length].map(u16::to_be_bytes).concat());
        record.extend(data);
        record
    }
}
