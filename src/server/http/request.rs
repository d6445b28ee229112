//! What a client asks by HTTP (RFC 9112), read by `httparse`: a method and a path. Pure.

/// The longest head of a request, in octets.
pub const LONGEST_HEAD: usize = 8 * 1024;

/// The most fields in it.
const MOST_FIELDS: usize = 64;

/// The beginning of what a client sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Head {
    /// The head of a request is not there as a whole.
    Partial,
    /// It is, and so many octets are of it.
    Whole(HttpRequest, usize),
    /// It is none that can be answered but by this status.
    Wrong(u16),
}

/// A request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpRequest {
    /// Only the head of the reply is asked for.
    pub is_head: bool,
    /// The path, without what follows a question mark.
    pub path: String,
    /// The client knows no chunks (HTTP/1.0).
    pub is_old: bool,
    /// The connection ends with the reply.
    pub is_last: bool,
}

/// Reads the head of a request.
pub fn head(octets: &[u8]) -> Head {
    let mut fields = [httparse::EMPTY_HEADER; MOST_FIELDS];
    let mut request = httparse::Request::new(&mut fields);
    let length = match request.parse(octets) {
        Ok(httparse::Status::Complete(length)) if length <= LONGEST_HEAD => length,
        Ok(httparse::Status::Partial) if octets.len() < LONGEST_HEAD => return Head::Partial,
        Ok(_) | Err(httparse::Error::TooManyHeaders) => return Head::Wrong(431),
        Err(httparse::Error::Version) => return Head::Wrong(505),
        Err(_) => return Head::Wrong(400),
    };
    let values = |name: &'static str| {
        let all = request.headers.iter().filter(move |field| field.name.eq_ignore_ascii_case(name));
        all.map(|field| field.value.trim_ascii())
    };
    let is_old = request.version == Some(0);
    if !is_old && values("host").count() != 1 {
        return Head::Wrong(400);
    }
    let is_head = match request.method {
        Some("GET") => false,
        Some("HEAD") => true,
        _ => return Head::Wrong(405),
    };
    // Nobody has a reason to send a body: what follows is not read.
    let has_body = values("transfer-encoding").next().is_some()
        || values("content-length").any(|value| value != b"0");
    let mut words = values("connection").flat_map(|value| value.split(|octet| *octet == b','));
    let mut says = |word: &[u8]| words.any(|it| it.trim_ascii().eq_ignore_ascii_case(word));
    let is_last = has_body || if is_old { !says(b"keep-alive") } else { says(b"close") };
    let Some(path) = request.path.and_then(path) else { return Head::Wrong(400) };
    Head::Whole(HttpRequest { is_head, path, is_old, is_last }, length)
}

/// The path of a request's target, whether that names this server as well or not (RFC 9112 §3.2).
fn path(target: &str) -> Option<String> {
    let (target, _) = target.split_once('?').unwrap_or((target, ""));
    if target.starts_with('/') {
        return Some(target.to_owned());
    }
    let (scheme, rest) = target.split_once("://")?;
    let is_http = scheme.eq_ignore_ascii_case("http");
    is_http.then(|| rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/").to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_read() {
        let table = [
            ("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n", "/metrics", false, false, false),
            (
                "HEAD /?a=b HTTP/1.1\r\nhost: a\r\nConnection: x, Close\r\n\r\n",
                "/",
                true,
                false,
                true,
            ),
            ("GET http://a:80/nodes?x HTTP/1.1\r\nHost: a\r\n\r\n", "/nodes", false, false, false),
            ("GET HTTP://a HTTP/1.1\r\nHost: a\r\n\r\n", "/", false, false, false),
            ("GET / HTTP/1.0\r\n\r\n", "/", false, true, true),
            ("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "/", false, true, false),
            ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", "/", false, false, true),
            (
                "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
                "/",
                false,
                false,
                true,
            ),
            ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", "/", false, false, false),
        ];
        for (text, path, is_head, is_old, is_last) in table {
            let wanted = HttpRequest { is_head, path: path.to_owned(), is_old, is_last };
            let length = text.find("\r\n\r\n").expect("a head") + 4;
            assert_eq!(head(text.as_bytes()), Head::Whole(wanted, length), "{text:?}");
            for end in 0..length {
                assert_eq!(head(&text.as_bytes()[..end]), Head::Partial, "{:?}", &text[..end]);
            }
        }
    }

    #[test]
    fn what_is_no_request_is_told_by_a_status() {
        let many = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(MOST_FIELDS + 1));
        let long = format!("GET / HTTP/1.1\r\nHost: {}", "a".repeat(LONGEST_HEAD));
        let table = [
            ("GET / HTTP/1.1\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
            ("GET nodes HTTP/1.1\r\nHost: a\r\n\r\n", 400),
            ("GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
            ("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 405),
            ("POST / HTTP/1.1\r\nHost: a\r\n\r\n", 405),
            ("GET / HTTP/2.0\r\n\r\n", 505),
            ("\0", 400),
            (&many, 431),
            (&long, 431),
        ];
        for (text, wanted) in table {
            assert_eq!(head(text.as_bytes()), Head::Wrong(wanted), "{text:?}");
        }
    }
}
