//! Options about trust: certificates, user and password.

use std::path::PathBuf;

use getopts::Matches;

use super::wrong;
use crate::connect::{Access, Endpoint, Password, User};
use crate::failure::Failure;

pub(super) fn read(matches: &Matches, endpoints: &[Endpoint]) -> Result<Access, Failure> {
    let access = Access {
        cacert: path(matches, "cacert")?,
        certificate: certificate(matches)?,
        user: user(matches)?,
    };
    let uses_tls = endpoints.iter().any(Endpoint::is_https);
    if !uses_tls && access.cacert.is_some() {
        return wrong("cacert", "no endpoint is https://; change --endpoints, or leave it out");
    }
    if !uses_tls && access.certificate.is_some() {
        return wrong("cert", "no endpoint is https://; change --endpoints, or leave it out");
    }
    Ok(access)
}

fn path(matches: &Matches, option: &str) -> Result<Option<PathBuf>, Failure> {
    match matches.opt_str(option) {
        Some(text) if text.is_empty() => wrong(option, "the name of the file is empty"),
        text => Ok(text.map(PathBuf::from)),
    }
}

fn certificate(matches: &Matches) -> Result<Option<(PathBuf, PathBuf)>, Failure> {
    match (path(matches, "cert")?, path(matches, "key")?) {
        (Some(cert), Some(key)) => Ok(Some((cert, key))),
        (None, None) => Ok(None),
        (Some(_), None) => wrong("cert", "needs the private key as well; give it by --key FILE"),
        (None, Some(_)) => wrong("key", "needs the certificate as well; give it by --cert FILE"),
    }
}

fn user(matches: &Matches) -> Result<Option<User>, Failure> {
    let file = path(matches, "password-file")?;
    let Some(text) = matches.opt_str("user") else {
        return match file {
            None => Ok(None),
            Some(_) => wrong("password-file", "whose password? give --user NAME as well"),
        };
    };
    // A password may hold colons, a name of etcd's may not be told apart from one that does.
    let (name, password) = match text.split_once(':') {
        Some((name, password)) => (name, Some(password)),
        None => (text.as_str(), None),
    };
    if name.is_empty() {
        return wrong("user", "the name is empty; give NAME:PASSWORD, or NAME and --password-file");
    }
    let password = match (password, file) {
        (Some(_), Some(_)) => {
            return wrong("password-file", "--user holds a password already; give one of them");
        }
        (None, None) => {
            return wrong("user", "the password is missing; give it by --password-file FILE");
        }
        (Some(""), None) => return wrong("user", "the password after the colon is empty"),
        (Some(password), None) => Password::Given(password.to_owned()),
        (None, Some(file)) => Password::File(file),
    };
    Ok(Some(User { name: name.to_owned(), password }))
}
