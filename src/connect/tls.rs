//! What TLS trusts and shows: the authorities, the client certificate and its private key, made of
//! their files.

use std::fmt;
use std::hash::{DefaultHasher, Hasher};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::RootCertStore;
use rustls::client::ClientConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::access::Access;
use super::certificate_end::{CACERT, CERT, CertificateEnd};
use super::x509::Validity;
use crate::failure::Failure;
use crate::host::calendar::date_time;

/// Where systems keep the certificates of the authorities that they trust: Debian and Alpine,
/// Fedora, SUSE, BSD and others.
const SYSTEM_BUNDLES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// The files of an option's certificates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TlsFiles {
    /// The authorities to trust: of the option, or the system's.
    authorities: PathBuf,
    /// Whether they are those of the option.
    are_own: bool,
    /// The client certificate and its private key.
    pair: Option<(PathBuf, PathBuf)>,
}

/// What was made of the files.
#[derive(Debug)]
pub(super) struct TlsMaterial {
    pub(super) config: Arc<ClientConfig>,
    /// Of the client certificate, and of the authorities unless they are the system's.
    pub(super) ends: Vec<CertificateEnd>,
    /// The time in which the client certificate and those that it comes with are all valid.
    pub(super) pair_validity: Option<Validity>,
    /// Tells other contents apart.
    pub(super) hash: u64,
}

fn failure(option: &str, path: &Path, reason: impl fmt::Display) -> Failure {
    Failure::new(format!("--{option}: {}: {reason}", path.display()))
}

impl TlsFiles {
    /// Those that the settings name.
    ///
    /// # Errors
    /// When no authorities are named and the system has none.
    pub(super) fn of(access: &Access) -> Result<TlsFiles, Failure> {
        let system = || SYSTEM_BUNDLES.iter().map(Path::new).find(|path| path.exists());
        let authorities = access.cacert.as_deref().or_else(system).ok_or_else(|| {
            let reason = "not here, nor where else systems keep theirs; give a file by --cacert";
            failure(CACERT, Path::new(SYSTEM_BUNDLES[0]), reason)
        })?;
        Ok(TlsFiles {
            authorities: authorities.to_owned(),
            are_own: access.cacert.is_some(),
            pair: access.certificate.clone(),
        })
    }

    /// All of them.
    pub(super) fn paths(&self) -> impl Iterator<Item = &Path> {
        let pair = self.pair.iter().flat_map(|(cert, key)| [cert, key]);
        std::iter::once(&self.authorities).chain(pair).map(PathBuf::as_path)
    }

    /// Reads them.
    ///
    /// # Errors
    /// When a file cannot be read or holds nothing of the kind, or the key is not the certificate's.
    pub(super) fn read(&self) -> Result<TlsMaterial, Failure> {
        let mut hasher = DefaultHasher::new();
        let authorities = certificates(CACERT, &self.authorities, &mut hasher)?;
        let mut roots = RootCertStore::empty();
        if roots.add_parsable_certificates(authorities.iter().cloned()).0 == 0 {
            let reason = "no certificate in it can be used; give the authority's, in PEM";
            return Err(failure(CACERT, &self.authorities, reason));
        }
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|reason| Failure::new(format!("TLS cannot be used: {reason}")))?
            .with_root_certificates(roots);
        let own = self.are_own.then_some(&authorities);
        // Of several authorities, one may be there for the time after the other.
        let trusted_until = own.and_then(|them| validities(them).map(|it| it.not_after).max());
        let (config, pair_validity) = match &self.pair {
            None => (builder.with_no_client_auth(), None),
            Some((cert, key)) => {
                let chain = certificates(CERT, cert, &mut hasher)?;
                let validity = validities(&chain).reduce(|one, other| Validity {
                    not_before: one.not_before.max(other.not_before),
                    not_after: one.not_after.min(other.not_after),
                });
                let private = private_key(key, &mut hasher)?;
                let config = builder.with_client_auth_cert(chain, private);
                (config.map_err(|reason| unfit(cert, key, &reason))?, validity)
            }
        };
        let end = |option, path: &Path, not_after| CertificateEnd {
            option,
            path: path.to_owned(),
            not_after,
        };
        let trusted = trusted_until.map(|until| end(CACERT, &self.authorities, until));
        let shown = self.pair.as_ref().zip(pair_validity);
        let shown = shown.map(|((cert, _), validity)| end(CERT, cert, validity.not_after));
        let ends = trusted.into_iter().chain(shown).collect();
        Ok(TlsMaterial { config: Arc::new(config), ends, pair_validity, hash: hasher.finish() })
    }

    /// Finds out whether the client certificate is valid now.
    ///
    /// # Errors
    /// When it is not yet, or no more.
    pub(super) fn check_time(&self, made: &TlsMaterial, now: Duration) -> Result<(), Failure> {
        let (Some((cert, _)), Some(validity)) = (&self.pair, made.pair_validity) else {
            return Ok(());
        };
        let Validity { not_before, not_after } = validity;
        let reason = match () {
            _ if now < not_before => format!("not valid before {}Z", date_time(not_before)),
            _ if now > not_after => format!("ended at {}Z", date_time(not_after)),
            _ => return Ok(()),
        };
        Err(failure(CERT, cert, format!("{reason}; put one there that is valid")))
    }
}

fn validities(certificates: &[CertificateDer<'_>]) -> impl Iterator<Item = Validity> {
    certificates.iter().filter_map(|der| Validity::of(der))
}

fn unfit(cert: &Path, key: &Path, reason: &rustls::Error) -> Failure {
    match reason {
        rustls::Error::InvalidCertificate(_) => {
            failure(CERT, cert, format!("{reason}; give one of X.509 version 3, in PEM"))
        }
        _ => {
            let what = format!("cannot be used with the certificate {}", cert.display());
            failure("key", key, format!("{what}: {reason}; give the key of that one"))
        }
    }
}

fn private_key(path: &Path, hasher: &mut DefaultHasher) -> Result<PrivateKeyDer<'static>, Failure> {
    let pem = read("key", path, hasher)?;
    PrivateKeyDer::from_pem_slice(&pem).map_err(|reason| {
        let remedy = "give an unencrypted one, in PEM";
        failure("key", path, format!("no private key in it: {reason}; {remedy}"))
    })
}

fn read(option: &str, path: &Path, hasher: &mut DefaultHasher) -> Result<Vec<u8>, Failure> {
    let remedy = "give a file that this user can read";
    let octets = std::fs::read(path);
    let octets = octets.map_err(|reason| failure(option, path, format!("{reason}; {remedy}")))?;
    hasher.write_usize(octets.len());
    hasher.write(&octets);
    Ok(octets)
}

fn certificates(
    option: &str,
    path: &Path,
    hasher: &mut DefaultHasher,
) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let pem = read(option, path, hasher)?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let certificates = certificates.map_err(|reason| {
        let remedy = "give a file in PEM, such as openssl x509 writes";
        failure(option, path, format!("not PEM: {reason}; {remedy}"))
    })?;
    if certificates.is_empty() {
        return Err(failure(option, path, "no certificate in it; give one, in PEM"));
    }
    Ok(certificates)
}
