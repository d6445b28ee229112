//! Certificates and keys for the connections to etcd.
//!
//! Everything is read and checked once, at the start: a certificate that cannot be used is reported
//! then, and not when etcd is asked for the first time.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::client::ClientConfig;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use ureq::tls::{Certificate, ClientCert, PrivateKey, RootCerts, TlsConfig};

use super::access::Access;
use crate::failure::Failure;

/// Where systems keep the certificates of the authorities that they trust: Debian and Alpine,
/// Fedora, SUSE, BSD and others.
const SYSTEM_BUNDLES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

fn failure(option: &str, path: &Path, reason: impl fmt::Display) -> Failure {
    Failure::new(format!("--{option}: {}: {reason}", path.display()))
}

/// Makes up what TLS trusts and shows: the authorities to trust, or the system's; the client certificate
/// and its private key.
///
/// # Errors
/// When a file cannot be read or holds nothing of the kind, or the key is not the certificate's.
pub(super) fn config(access: &Access) -> Result<TlsConfig, Failure> {
    let provider = Arc::new(ring::default_provider());
    let system = || SYSTEM_BUNDLES.iter().map(Path::new).find(|path| path.exists());
    let bundle = access.cacert.as_deref().or_else(system).ok_or_else(|| {
        let reason = "not here, nor where else systems keep theirs; give a file by --cacert";
        failure("cacert", Path::new(SYSTEM_BUNDLES[0]), reason)
    })?;
    let authorities = certificates("cacert", bundle)?;
    let mut roots = RootCertStore::empty();
    if roots.add_parsable_certificates(authorities.iter().cloned()).0 == 0 {
        let reason = "no certificate in it can be used; give the authority's, in PEM";
        return Err(failure("cacert", bundle, reason));
    }
    let files = access.certificate.as_ref();
    let client = files.map(|(cert, key)| client_certificate(cert, key, &provider, roots));
    Ok(TlsConfig::builder()
        .root_certs(RootCerts::new_with_certs(&owned(&authorities)))
        .client_cert(client.transpose()?)
        .unversioned_rustls_crypto_provider(provider)
        .build())
}

fn client_certificate(
    cert: &Path,
    key: &Path,
    provider: &Arc<CryptoProvider>,
    roots: RootCertStore,
) -> Result<ClientCert, Failure> {
    let chain = certificates("cert", cert)?;
    let pem = read("key", key)?;
    let private = PrivateKeyDer::from_pem_slice(&pem).map_err(|reason| {
        let remedy = "give an unencrypted one, in PEM";
        failure("key", key, format!("no private key in it: {reason}; {remedy}"))
    })?;
    // ureq takes for granted that the two fit.
    ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .and_then(|builder| {
            builder.with_root_certificates(roots).with_client_auth_cert(chain.clone(), private)
        })
        .map_err(|reason| match reason {
            rustls::Error::InvalidCertificate(_) => {
                failure("cert", cert, format!("{reason}; give one of X.509 version 3, in PEM"))
            }
            _ => {
                let what = format!("cannot be used with the certificate {}", cert.display());
                failure("key", key, format!("{what}: {reason}; give the key of that one"))
            }
        })?;
    let private = PrivateKey::from_pem(&pem).map_err(|reason| failure("key", key, reason))?;
    Ok(ClientCert::new_with_certs(&owned(&chain), private))
}

/// The same certificates, as ureq has them.
fn owned(certificates: &[CertificateDer<'_>]) -> Vec<Certificate<'static>> {
    certificates.iter().map(|der| Certificate::from_der(der).to_owned()).collect()
}

fn read(option: &str, path: &Path) -> Result<Vec<u8>, Failure> {
    let remedy = "give a file that this user can read";
    std::fs::read(path).map_err(|reason| failure(option, path, format!("{reason}; {remedy}")))
}

fn certificates(option: &str, path: &Path) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let pem = read(option, path)?;
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
