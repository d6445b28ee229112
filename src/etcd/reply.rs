//! What a reply of the gateway says, or what went wrong on the way to it.

use std::io::{self, Read};

use rustls::InvalidMessage;
use serde_json::Value;

use super::slices::Slices;
use super::{Error, ErrorKind, json};

/// The largest reply read, in octets: the largest value that etcd advises to allow, 10 MiB, in base64.
pub(super) const MAX_BODY: u64 = 16 * 1024 * 1024;

/// Octets of a reply without any record that is too large: where more than these came, and the time is up, it is
/// its size that makes a reply late.
const LARGE_BODY: usize = 256 * 1024;

/// The longest part of a body that is looked at for a quotation, in octets.
const MOST_QUOTED: usize = 4096;

/// HTTP's status of a server that does not know the method, 501.
const NOT_IMPLEMENTED: u16 = 501;

/// Reads the body of an HTTP response.
pub(super) fn read_body(endpoint: &str, body: &mut ureq::Body) -> Result<Vec<u8>, Error> {
    let mut octets = Vec::new();
    let read = body.with_config().limit(MAX_BODY).reader().read_to_end(&mut octets);
    match read {
        Ok(_) => Ok(octets),
        Err(error) if octets.len() > LARGE_BODY && is_time_up(&error) => {
            let what = format!("{} octets came in time", octets.len());
            Err(Error::new(ErrorKind::TooLarge, endpoint, &what))
        }
        Err(error) => Err(transport_error(endpoint, &ureq::Error::from(error))),
    }
}

/// Reads an HTTP response: the first JSON value of the body, unless that is an error.
pub(super) fn reply(
    endpoint: &str,
    status: u16,
    body: &[u8],
    slices: &Slices,
) -> Result<Value, Error> {
    let succeeded = (200..300).contains(&status);
    let value = match slices.first_value(body) {
        Some(Ok(value)) if value.is_object() => value,
        _ => return Err(without_json(endpoint, status, body)),
    };
    if succeeded && json::field(&value, "error").is_none() {
        return Ok(value);
    }
    match json::error(&value) {
        Some((code, message)) => Err(Error::new(ErrorKind::Rejected(code), endpoint, &message)),
        None if succeeded => Ok(value),
        None => Err(without_json(endpoint, status, body)),
    }
}

/// The error for a reply that is none of etcd's API.
fn without_json(endpoint: &str, status: u16, body: &[u8]) -> Error {
    let text = String::from_utf8_lossy(body.get(..MOST_QUOTED).unwrap_or(body));
    // A proxy in front of etcd, or etcd on its way out. Where POST is not implemented, etcd is not.
    if status >= 500 && status != NOT_IMPLEMENTED {
        let text = format!("HTTP status {status} {}", text.trim_start());
        return Error::new(ErrorKind::Unreachable, endpoint, &text);
    }
    Error::new(ErrorKind::NotJson(status), endpoint, &text)
}

pub(super) fn transport_error(endpoint: &str, error: &ureq::Error) -> Error {
    let (kind, text) = match error {
        ureq::Error::Timeout(_) => (ErrorKind::TimedOut, String::new()),
        ureq::Error::Io(error) if is_time_up(error) => (ErrorKind::TimedOut, String::new()),
        ureq::Error::BodyExceedsLimit(_) => {
            (ErrorKind::TooLarge, format!("over {MAX_BODY} octets"))
        }
        error => match (tls_error(error), innermost(error)) {
            (Some(rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType)), _) => {
                (ErrorKind::WithoutTls, "it answers without".to_owned())
            }
            (Some(cause), _) => (ErrorKind::Untrusted, cause.to_string()),
            (None, ureq::Error::Io(cause)) if cause.kind() == io::ErrorKind::UnexpectedEof => {
                // Of an end after the handshake, ureq and TLS have their own words.
                if endpoint.starts_with("https://") && cause.get_ref().is_none() {
                    (ErrorKind::WithoutTls, "it closes the connection".to_owned())
                } else {
                    (ErrorKind::CutOff, cause.to_string())
                }
            }
            // The peer closed the connection while it was written to: what it says of that, if anything,
            // came too late.
            (None, ureq::Error::Io(cause)) if is_closed(cause) => {
                (ErrorKind::CutOff, cause.to_string())
            }
            // Without the kind that ureq puts before it.
            (None, ureq::Error::Io(cause)) => (ErrorKind::Unreachable, cause.to_string()),
            (None, cause) => (ErrorKind::Unreachable, cause.to_string()),
        },
    };
    Error::new(kind, endpoint, &text)
}

fn is_closed(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe)
}

/// ureq's errors go through the standard library's, and are wrapped once more.
fn innermost(error: &ureq::Error) -> &ureq::Error {
    let ureq::Error::Io(outer) = error else { return error };
    let inner = outer.get_ref().and_then(|inner| inner.downcast_ref::<ureq::Error>());
    inner.map_or(error, innermost)
}

/// The error of TLS, however ureq and the standard library wrap it.
fn tls_error(error: &ureq::Error) -> Option<&rustls::Error> {
    match error {
        ureq::Error::Rustls(error) => Some(error),
        ureq::Error::Io(error) => {
            let inner = error.get_ref()?;
            let wrapped = || inner.downcast_ref::<ureq::Error>().and_then(tls_error);
            inner.downcast_ref::<rustls::Error>().or_else(wrapped)
        }
        _ => None,
    }
}

/// Returns whether a read or a write only waited too long, however ureq wraps that.
pub(super) fn is_time_up(error: &io::Error) -> bool {
    if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) {
        return true;
    }
    match error.get_ref().and_then(|inner| inner.downcast_ref::<ureq::Error>()) {
        Some(ureq::Error::Io(inner)) => is_time_up(inner),
        Some(ureq::Error::Timeout(_)) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies() {
        let rejected = |code| Err(Error::new(ErrorKind::Rejected(code), "e", "gone"));
        let lost = |text| Err(Error::new(ErrorKind::Unreachable, "e", text));
        let not_json = |status, text| Err(Error::new(ErrorKind::NotJson(status), "e", text));
        let html = "<html>\n<p>no</p>";
        let cases: [(u16, &str, Result<(), Error>); 13] = [
            (200, r#"{"header":{}}"#, Ok(())),
            (200, "{}\n{}\n", Ok(())),
            (200, r#"{"error":{"grpc_code":5,"message":"gone"}}"#, rejected(5)),
            (404, r#"{"error":"gone","message":"gone","code":5}"#, rejected(5)),
            (404, r#"{"code":5,"message":"gone","details":[]}"#, rejected(5)),
            (503, r#"{"code":14,"message":"gone"}"#, rejected(14)),
            (503, html, lost("HTTP status 503 <html>")),
            (503, "{}", lost("HTTP status 503 {}")),
            (503, "", lost("HTTP status 503")),
            (501, html, not_json(501, "<html>")),
            (404, "404 page not found\n", not_json(404, "404 page not found")),
            (404, "{}", not_json(404, "{}")),
            (200, "", not_json(200, "")),
        ];
        for (status, body, expected) in cases {
            let read = reply("e", status, body.as_bytes(), &Slices::default());
            assert_eq!(read.map(|_| ()), expected, "{body}");
        }
        for body in ["{", "[", "\"x", "7", "\u{0}", &"[".repeat(100_000)] {
            assert!(reply("e", 200, body.as_bytes(), &Slices::default()).is_err());
        }
    }

    #[test]
    fn time_is_up_however_wrapped() {
        let would_block = || io::Error::from(io::ErrorKind::WouldBlock);
        assert!(is_time_up(&would_block()));
        assert!(is_time_up(&io::Error::other(ureq::Error::Io(would_block()))));
        assert!(!is_time_up(&io::Error::other("x")));
    }

    #[test]
    fn a_cause_is_told_however_wrapped() {
        let refused = || ureq::Error::Io(io::Error::other("refused"));
        let of = Error::new;
        for error in [refused(), ureq::Error::Io(io::Error::other(refused()))] {
            assert_eq!(transport_error("e", &error), of(ErrorKind::Unreachable, "e", "refused"));
        }
        let ended = || ureq::Error::Io(io::ErrorKind::UnexpectedEof.into());
        let told = of(ErrorKind::WithoutTls, "https://e", "it closes the connection");
        assert_eq!(transport_error("https://e", &ended()), told);
        let told = of(ErrorKind::CutOff, "http://e", "unexpected end of file");
        assert_eq!(transport_error("http://e", &ended()), told);
        for kind in [io::ErrorKind::ConnectionReset, io::ErrorKind::BrokenPipe] {
            let told = transport_error("https://e", &ureq::Error::Io(kind.into()));
            assert_eq!(told.kind, ErrorKind::CutOff);
        }
    }
}
