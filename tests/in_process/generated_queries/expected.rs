//! What a query is to be answered by.

use support::dns::message::{Labels, Question, lowered};

use super::generator::State;
use super::model::{Model, Outcome};
use super::shape::Shape;

const NSID: u16 = 3;
const COOKIE: u16 = 10;
const EDE: u16 = 15;

/// The name of the node that answers.
const OWN: &str = "worker2.tf.local.";

/// The records of a reply.
pub enum Records<'a> {
    None,
    Of(Outcome<'a>),
    /// Texts of the class CHAOS; just this one, or any.
    Texts(Option<String>),
}

/// A whole reply.
pub struct Expected<'a> {
    pub rcode: u16,
    pub is_authoritative: bool,
    /// The question as it was asked; absent where none is echoed.
    pub question: Option<Question>,
    pub records: Records<'a>,
    /// The options of OPT; the cookie's data is its client part only.
    pub options: Vec<(u16, Vec<u8>)>,
}

/// `given` is the cookie in the reply: a shown one is good if it is the same.
pub fn expect<'a>(
    model: &'a Model,
    shape: &Shape,
    state: State,
    given: Option<&[u8]>,
) -> Expected<'a> {
    let asked = shape.question.as_ref().filter(|_| shape.opcode == 0).map(|(asked, _)| asked);
    let bare = |rcode| Expected {
        rcode,
        is_authoritative: false,
        question: asked.cloned(),
        records: Records::None,
        options: Vec::new(),
    };
    let version = shape.opt.as_ref().map_or(0, |opt| opt.version);
    let shown = shape.option(COOKIE);
    let options = |error: Option<u16>| {
        let own = (state != State::Empty).then(|| OWN.as_bytes().to_vec());
        let nsid = shape.option(NSID).and(own).map(|own| (NSID, own));
        let cookie = shown.map(|shown| (COOKIE, shown[..8].to_vec()));
        let error = error.filter(|_| shape.opt.is_some());
        let error = error.map(|error| (EDE, error.to_be_bytes().to_vec()));
        nsid.into_iter().chain(cookie).chain(error).collect::<Vec<_>>()
    };
    if shape.opcode != 0 {
        return bare(4);
    }
    if !shape.is_sound || shape.questions > 1 {
        return bare(1);
    }
    if version > 0 {
        return bare(16);
    }
    let Some(asked) = asked else {
        return match shown {
            None => bare(1),
            Some(shown) if shown.len() == 8 || given == Some(shown) => {
                Expected { options: options(None), ..bare(0) }
            }
            Some(_) => Expected { options: options(None), ..bare(23) },
        };
    };
    let name = lowered(&asked.name);
    let (rcode, error, records) = match asked.class {
        1 => {
            let outcome = model.look_up(&name, asked.rrtype, state);
            (outcome.rcode, outcome.error, Records::Of(outcome))
        }
        3 => chaos(&name, asked.rrtype, state)
            .map_or((5, None, Records::None), |records| (0, None, records)),
        _ => (5, None, Records::None),
    };
    Expected {
        is_authoritative: matches!(rcode, 0 | 3),
        records,
        options: options(error),
        ..bare(rcode.into())
    }
}

fn chaos<'a>(name: &Labels, rrtype: u16, state: State) -> Option<Records<'a>> {
    let labels: Vec<&[u8]> = name.iter().map(Vec::as_slice).collect();
    let text = match labels.as_slice() {
        [b"version", b"bind" | b"server"] => {
            Some(concat!("idetcd ", env!("CARGO_PKG_VERSION")).to_owned())
        }
        [b"hostname", b"bind"] | [b"id", b"server"] if state == State::Empty => {
            return Some(Records::None);
        }
        [b"hostname", b"bind"] | [b"id", b"server"] => Some(OWN.to_owned()),
        [b"revision", b"bind"] if state != State::Empty => Some("revision 4294972007".to_owned()),
        [
            b"queries" | b"answers" | b"forwarded" | b"etcd" | b"revision" | b"slots" | b"stats",
            b"bind",
        ] => None,
        _ => return None,
    };
    Some(if matches!(rrtype, 16 | 255) { Records::Texts(text) } else { Records::None })
}
