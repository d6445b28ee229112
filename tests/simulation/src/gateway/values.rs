//! The gateway's JSON: 64-bit integers as strings, octets in base64, what is zero or empty left out.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

/// An object under construction, from which zero values are left out.
#[derive(Debug, Default)]
pub(super) struct Object(Map<String, Value>);

impl Object {
    pub(super) fn integer(mut self, name: &str, number: impl ToString) -> Object {
        let text = number.to_string();
        if text != "0" {
            self.0.insert(name.to_owned(), text.into());
        }
        self
    }

    pub(super) fn octets(self, name: &str, octets: &[u8]) -> Object {
        self.text(name, &STANDARD.encode(octets))
    }

    pub(super) fn text(mut self, name: &str, text: &str) -> Object {
        if !text.is_empty() {
            self.0.insert(name.to_owned(), text.into());
        }
        self
    }

    pub(super) fn flag(mut self, name: &str, is_set: bool) -> Object {
        if is_set {
            self.0.insert(name.to_owned(), true.into());
        }
        self
    }

    pub(super) fn list(mut self, name: &str, values: Vec<Value>) -> Object {
        if !values.is_empty() {
            self.0.insert(name.to_owned(), values.into());
        }
        self
    }

    /// An object in this one; it stands there even if it is empty.
    pub(super) fn object(mut self, name: &str, inner: impl Into<Value>) -> Object {
        self.0.insert(name.to_owned(), inner.into());
        self
    }
}

impl From<Object> for Value {
    fn from(object: Object) -> Value {
        Value::Object(object.0)
    }
}

/// A number of a request; 0 where it is left out.
pub(super) fn number(object: &Value, name: &str) -> Result<i64, String> {
    match object.get(name) {
        None | Some(Value::Null) => Ok(0),
        Some(Value::String(text)) => text.parse().map_err(|error| format!("{name}: {error}")),
        Some(value) => value.as_i64().ok_or_else(|| format!("{name} is no number")),
    }
}

/// Octets of a request; none where they are left out.
pub(super) fn octets(object: &Value, name: &str) -> Result<Vec<u8>, String> {
    STANDARD.decode(text(object, name)).map_err(|error| format!("{name}: {error}"))
}

/// A text of a request; empty where it is left out.
pub(super) fn text<'a>(object: &'a Value, name: &str) -> &'a str {
    object.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// A truth value of a request; false where it is left out.
pub(super) fn flag(object: &Value, name: &str) -> bool {
    object.get(name).and_then(Value::as_bool).unwrap_or_default()
}

/// A list of a request; empty where it is left out.
pub(super) fn list<'a>(object: &'a Value, name: &str) -> &'a [Value] {
    object.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}
