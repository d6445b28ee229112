//! HTTP/1.1, as much of it as the gateway's clients use.

/// A request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpRequest {
    /// The path.
    pub path: String,
    /// The token, if there is one.
    pub token: Option<String>,
    /// The body.
    pub body: String,
}

/// Takes a request from the beginning of what was sent; `None`: it is not all there.
///
/// # Errors
/// When it is not what a client of the gateway sends.
pub fn take_request(sent: &mut Vec<u8>) -> Result<Option<HttpRequest>, String> {
    const END: &[u8] = b"\r\n\r\n";
    let Some(head) = sent.windows(END.len()).position(|four| four == END) else { return Ok(None) };
    let text = std::str::from_utf8(&sent[..head]).map_err(|error| error.to_string())?;
    let mut lines = text.split("\r\n");
    let first = lines.next().unwrap_or_default();
    let mut words = first.split(' ');
    let (Some("POST"), Some(path), Some("HTTP/1.1")) = (words.next(), words.next(), words.next())
    else {
        return Err(format!("{first} is not modelled"));
    };
    let (mut length, mut token) = (0, None);
    for line in lines {
        let (name, value) = line.split_once(':').ok_or_else(|| format!("{line} is no header"))?;
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().map_err(|_| line.to_owned())?,
            "authorization" => token = Some(value.trim().to_owned()),
            "transfer-encoding" => return Err(format!("{line} is not modelled")),
            _ => {}
        }
    }
    let (path, begin) = (path.to_owned(), head + END.len());
    let Some(body) = sent.get(begin..begin + length) else { return Ok(None) };
    let body = String::from_utf8(body.to_vec()).map_err(|error| error.to_string())?;
    sent.drain(..begin + length);
    Ok(Some(HttpRequest { path, token, body }))
}

/// A response with a body.
pub fn response(status: u16, body: &str) -> Vec<u8> {
    let length = body.len();
    let head = "Content-Type: application/json\r\nContent-Length";
    format!("HTTP/1.1 {status} Status\r\n{head}: {length}\r\n\r\n{body}").into_bytes()
}

/// The beginning of a response whose body comes in chunks.
pub fn stream() -> Vec<u8> {
    let head = "Content-Type: application/json\r\nTransfer-Encoding: chunked";
    format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n").into_bytes()
}

/// A chunk of a body.
pub fn chunk(body: &str) -> Vec<u8> {
    format!("{:x}\r\n{body}\r\n", body.len()).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_taken_when_it_is_complete() {
        let all = b"POST /v3/kv/range HTTP/1.1\r\nHost: m0\r\nAuthorization: t.1\r\nContent-Length: 2\r\n\r\n{}";
        for length in 0..all.len() {
            assert_eq!(take_request(&mut all[..length].to_vec()), Ok(None), "{length}");
        }
        let mut sent = [&all[..], b"POST"].concat();
        let request = take_request(&mut sent).expect("well-formed").expect("complete");
        assert_eq!((request.path.as_str(), request.body.as_str()), ("/v3/kv/range", "{}"));
        assert_eq!((request.token.as_deref(), &sent[..]), (Some("t.1"), &b"POST"[..]));
        assert!(take_request(&mut b"GET / HTTP/1.1\r\n\r\n".to_vec()).is_err());
        assert_eq!(chunk("0123456789abcdef"), b"10\r\n0123456789abcdef\r\n");
    }
}
