//! The gateway's JSON: 64-bit integers as strings or numbers, octets in base64, zero values left
//! out, and errors in several shapes.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_PAD_INDIFFERENT};
use serde_json::Value;

/// gRPC's `UNKNOWN`, for errors without a code.
const UNKNOWN: i64 = 2;

/// A description of what is wrong with a reply.
pub(super) type Wrong = String;

/// Octets as the gateway wants them.
pub(super) fn encode(octets: &[u8]) -> Value {
    Value::String(STANDARD.encode(octets))
}

/// A 64-bit integer as the gateway wants it.
pub(super) fn integer(number: i64) -> Value {
    Value::String(number.to_string())
}

/// The field, unless it is absent or null.
pub(super) fn field<'a>(object: &'a Value, name: &str) -> Option<&'a Value> {
    object.get(name).filter(|value| !value.is_null())
}

/// A signed field; 0 if absent.
pub(super) fn int64(object: &Value, name: &str) -> Result<i64, Wrong> {
    let number = match field(object, name) {
        None => Some(0),
        Some(Value::String(text)) => text.parse().ok(),
        Some(value) => value.as_i64(),
    };
    number.ok_or_else(|| format!("{name} is no 64-bit integer"))
}

/// An unsigned field; 0 if absent.
pub(super) fn uint64(object: &Value, name: &str) -> Result<u64, Wrong> {
    let number = match field(object, name) {
        None => Some(0),
        Some(Value::String(text)) => text.parse().ok(),
        Some(value) => value.as_u64(),
    };
    number.ok_or_else(|| format!("{name} is no unsigned 64-bit integer"))
}

/// A field of octets; empty if absent.
pub(super) fn bytes(object: &Value, name: &str) -> Result<Vec<u8>, Wrong> {
    match field(object, name) {
        None => Ok(Vec::new()),
        Some(Value::String(text)) => {
            STANDARD_PAD_INDIFFERENT.decode(text).map_err(|error| format!("{name}: {error}"))
        }
        Some(_) => Err(format!("{name} is no base64")),
    }
}

/// A truth value; false if absent.
pub(super) fn boolean(object: &Value, name: &str) -> Result<bool, Wrong> {
    match field(object, name) {
        None => Ok(false),
        Some(value) => value.as_bool().ok_or_else(|| format!("{name} is no truth value")),
    }
}

/// A list; empty if absent.
pub(super) fn list<'a>(object: &'a Value, name: &str) -> Result<&'a [Value], Wrong> {
    match field(object, name) {
        None => Ok(&[]),
        Some(Value::Array(values)) => Ok(values),
        Some(_) => Err(format!("{name} is no list")),
    }
}

/// A text; empty if absent or something else.
pub(super) fn text<'a>(object: &'a Value, name: &str) -> &'a str {
    field(object, name).and_then(Value::as_str).unwrap_or_default()
}

/// The code and the message of an error body of any etcd: `{"error":"…","code":5}` (3.4),
/// `{"code":5,"message":"…"}` (3.5, 3.6), `{"error":{"grpc_code":5,"message":"…"}}` (in streams).
pub(super) fn error(body: &Value) -> Option<(i64, String)> {
    let inner = field(body, "error").unwrap_or(body);
    let code = [(body, "code"), (body, "grpc_code"), (inner, "grpc_code"), (inner, "code")]
        .into_iter()
        .filter_map(|(object, name)| int64(object, name).ok())
        .find(|code| *code != 0);
    let message = [text(body, "message"), text(inner, "message"), inner.as_str().unwrap_or("")]
        .into_iter()
        .find(|message| !message.is_empty());
    if code.is_none() && message.is_none() {
        return None;
    }
    Some((code.unwrap_or(UNKNOWN), message.unwrap_or("no message").to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn integers() {
        let cases = [
            (json!({}), Some(0)),
            (json!({"n": null}), Some(0)),
            (json!({"n": "-1"}), Some(-1)),
            (json!({"n": 7}), Some(7)),
            (json!({"n": "9223372036854775807"}), Some(i64::MAX)),
            (json!({"n": "9223372036854775808"}), None),
            (json!({"n": u64::MAX}), None),
            (json!({"n": 1.5}), None),
            (json!({"n": ""}), None),
            (json!({"n": [1]}), None),
            (json!([]), Some(0)),
        ];
        for (object, expected) in cases {
            assert_eq!(int64(&object, "n").ok(), expected, "{object}");
        }
        assert_eq!(uint64(&json!({"n": "18446744073709551615"}), "n"), Ok(u64::MAX));
        assert!(uint64(&json!({"n": "-1"}), "n").is_err());
    }

    #[test]
    fn octets() {
        let cases: [(Value, Option<&[u8]>); 6] = [
            (json!({}), Some(b"")),
            (json!({"b": "AP8="}), Some(b"\0\xff")),
            (json!({"b": "AP8"}), Some(b"\0\xff")),
            (json!({"b": "A*8="}), None),
            (json!({"b": "A"}), None),
            (json!({"b": 1}), None),
        ];
        for (object, expected) in cases {
            assert_eq!(bytes(&object, "b").ok().as_deref(), expected, "{object}");
        }
        assert_eq!(encode(b"\0\xff"), json!("AP8="));
    }

    #[test]
    fn others() {
        assert_eq!(boolean(&json!({}), "b"), Ok(false));
        assert!(boolean(&json!({"b": "true"}), "b").is_err());
        assert_eq!(list(&json!({}), "l"), Ok(&[][..]));
        assert!(list(&json!({"l": {}}), "l").is_err());
    }

    #[test]
    fn errors() {
        let gone = Some((5, "gone".to_owned()));
        let cases = [
            (json!({"error": "gone", "message": "gone", "code": 5}), gone.clone()),
            (json!({"error": "gone", "code": 5}), gone.clone()),
            (json!({"code": 5, "message": "gone", "details": []}), gone.clone()),
            (json!({"error": {"grpc_code": 5, "http_code": 404, "message": "gone"}}), gone.clone()),
            (json!({"error": {"code": 5, "message": "gone"}}), gone),
            (json!({"error": "gone"}), Some((2, "gone".to_owned()))),
            (json!({"error": {}}), None),
            (json!({"code": "x"}), None),
            (json!("gone"), Some((2, "gone".to_owned()))),
            (json!([1]), None),
        ];
        for (body, expected) in cases {
            assert_eq!(error(&body), expected, "{body}");
        }
    }
}
