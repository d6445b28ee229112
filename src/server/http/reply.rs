//! The head of a reply, and a body in chunks (RFC 9112). Pure.

use std::fmt::Write as _;
use std::time::Duration;

use crate::host::calendar::http_date;

/// The end of a body in chunks.
pub(super) const LAST_CHUNK: &str = "0\r\n\r\n";

/// The length of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Length {
    /// So many octets.
    Octets(usize),
    /// It comes in chunks.
    Chunks,
    /// It ends with the connection.
    UntilEnd,
}

/// The head of a reply, with the empty line after it.
pub(super) fn head(
    status: u16,
    content_type: &str,
    length: Length,
    is_last: bool,
    unix_time: u64,
) -> String {
    let date = http_date(Duration::from_secs(unix_time));
    let mut text = format!("HTTP/1.1 {status} {}\r\nDate: {date}\r\n", reason(status));
    // Writing into a string does not fail.
    let _ = match length {
        Length::Octets(octets) => write!(text, "Content-Length: {octets}\r\n"),
        Length::Chunks => write!(text, "Transfer-Encoding: chunked\r\n"),
        Length::UntilEnd => Ok(()),
    };
    let _ = write!(text, "Content-Type: {content_type}\r\n");
    if status == 405 {
        text.push_str("Allow: GET, HEAD\r\n");
    }
    // What is shown is of this moment, and a page loads nothing from elsewhere.
    text.push_str(
        "Cache-Control: no-store\r\n\
         X-Content-Type-Options: nosniff\r\n\
         Content-Security-Policy: default-src 'none'; connect-src 'self'; img-src data:; \
         script-src 'unsafe-inline'; style-src 'unsafe-inline'; frame-ancestors 'none'\r\n",
    );
    if is_last {
        text.push_str("Connection: close\r\n");
    }
    text.push_str("\r\n");
    text
}

/// A chunk of a body that is not empty.
pub(super) fn chunk(text: &str) -> String {
    format!("{:x}\r\n{text}\r\n", text.len())
}

/// The words for a status (RFC 9110 §15).
pub(super) fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        404 => "Not Found",
        405 => "Method Not Allowed",
        431 => "Request Header Fields Too Large",
        503 => "Service Unavailable",
        505 => "HTTP Version Not Supported",
        _ => "Unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_says_how_long_its_body_is() {
        let head = |length, is_last| super::head(405, "text/plain", length, is_last, 0);
        let text = head(Length::Octets(7), false);
        let lines: Vec<&str> = text.split("\r\n").collect();
        let wanted = [
            "HTTP/1.1 405 Method Not Allowed",
            "Date: Thu, 01 Jan 1970 00:00:00 GMT",
            "Content-Length: 7",
            "Content-Type: text/plain",
            "Allow: GET, HEAD",
            "Cache-Control: no-store",
        ];
        assert_eq!(lines[..6], wanted);
        assert!(text.ends_with("frame-ancestors 'none'\r\n\r\n"), "{text}");
        assert!(head(Length::Chunks, false).contains("\r\nTransfer-Encoding: chunked\r\n"));
        let text = head(Length::UntilEnd, true);
        assert!(text.ends_with("\r\nConnection: close\r\n\r\n"), "{text}");
        assert!(!text.contains("Content-Length") && !text.contains("chunked"), "{text}");
        assert_eq!(chunk(&"a".repeat(26)), format!("1a\r\n{}\r\n", "a".repeat(26)));
    }
}
