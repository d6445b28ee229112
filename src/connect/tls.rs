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

use crate::failure::Failure;

/// Where systems keep the certificates of the authorities that they trust: Debian and Alpine,
/// Fedora, SUSE, BSD and others.
const SYSTEM_BUNDLES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// The remedy for a file that cannot be read.
const READABLE: &str = "give a file that this user can read";

fn error<T>(option: &str, path: &Path, reason: impl fmt::Display) -> Result<T, Failure> {
    Err(Failure::new(format!("--{option}: {}: {reason}", path.display())))
}

/// Makes up what TLS trusts and shows: the authorities in `cacert`, or the system's; the certificate and the
/// private key in two further files. All of them are PEM.
///
/// # Errors
/// When a file cannot be read or holds nothing of the kind, or the key is not the certificate's.
pub fn config(
    cacert: Option<&Path>,
    certificate: Option<(&Path, &Path)>,
) -> Result<TlsConfig, Failure> {
    let provider = Arc::new(ring::default_provider());
    let system = || SYSTEM_BUNDLES.iter().map(Path::new).find(|path| path.exists());
    let Some(bundle) = cacert.or_else(system) else {
        let reason = "not here, nor where else systems keep theirs; give a file by --cacert";
        return error("cacert", Path::new(SYSTEM_BUNDLES[0]), reason);
    };
    let authorities = certificates("cacert", bundle)?;
    let mut roots = RootCertStore::empty();
    if roots.add_parsable_certificates(authorities.iter().cloned()).0 == 0 {
        return error(
            "cacert",
            bundle,
            "no certificate in it can be used; give the authority's, in PEM",
        );
    }
    let authorities: Vec<_> =
        authorities.iter().map(|der| Certificate::from_der(der).to_owned()).collect();
    let client = match certificate {
        Some((cert, key)) => Some(client_certificate(cert, key, &provider, roots)?),
        None => None,
    };
    Ok(TlsConfig::builder()
        .root_certs(RootCerts::new_with_certs(&authorities))
        .client_cert(client)
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
    let private = match PrivateKeyDer::from_pem_slice(&pem) {
        Ok(private) => private,
        Err(reason) => {
            return error(
                "key",
                key,
                format!("no private key in it: {reason}; give an unencrypted one, in PEM"),
            );
        }
    };
    // ureq takes for granted that the two fit.
    let fits = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .and_then(|builder| {
            builder.with_root_certificates(roots).with_client_auth_cert(chain.clone(), private)
        });
    if let Err(reason @ rustls::Error::InvalidCertificate(_)) = &fits {
        return error("cert", cert, format!("{reason}; give one of X.509 version 3, in PEM"));
    }
    if let Err(reason) = fits {
        let cert = cert.display();
        let what = "cannot be used with the certificate";
        return error("key", key, format!("{what} {cert}: {reason}; give the key of that one"));
    }
    let chain: Vec<_> = chain.iter().map(|der| Certificate::from_der(der).to_owned()).collect();
    match PrivateKey::from_pem(&pem) {
        Ok(private) => Ok(ClientCert::new_with_certs(&chain, private)),
        Err(reason) => error("key", key, reason),
    }
}

fn read(option: &str, path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).or_else(|reason| error(option, path, format!("{reason}; {READABLE}")))
}

fn certificates(option: &str, path: &Path) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let pem = read(option, path)?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    match certificates {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        Ok(_) => error(option, path, "no certificate in it; give one, in PEM"),
        Err(reason) => error(
            option,
            path,
            format!("not PEM: {reason}; give a file in PEM, such as openssl x509 writes"),
        ),
    }
}
