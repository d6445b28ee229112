//! Certificates for tests, made by openssl.

use std::sync::Arc;

use rustls::crypto::ring;
use ureq::tls::{Certificate, ClientCert, PrivateKey, RootCerts, TlsConfig};

use super::{Directory, run};

/// An authority, and what it signed: a server's and a client's certificate.
pub struct Pki {
    directory: Directory,
}

/// What `openssl req` is to make, whatever for.
const NEW_KEY: [&str; 6] =
    ["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

/// Longer than anybody is warned of.
const DAYS: i32 = 30;

impl Pki {
    pub fn new() -> Pki {
        let pki = Pki { directory: Directory::new() };
        let (ca, ca_key) = (pki.file("ca.pem"), pki.file("ca.key"));
        let subject = format!("/O={}", ca.replace('/', " "));
        let days = DAYS.to_string();
        let authority =
            ["-x509", "-days", &days, "-keyout", &ca_key, "-out", &ca, "-subj", &subject];
        run("openssl", &[&NEW_KEY[..], &authority].concat());
        // The gateway of etcd shows the server's certificate to etcd as a client.
        pki.sign("server", "serverAuth,clientAuth", DAYS);
        pki.sign("client", "clientAuth", DAYS);
        pki
    }

    /// Makes a key and a certificate that ends in so many days; it may have ended some ago.
    pub fn sign(&self, name: &str, usage: &str, days: i32) {
        let (key, request) = (self.file(&format!("{name}.key")), self.file("request"));
        let subject = format!("/O={name}");
        let files = ["-keyout", &key, "-out", &request, "-subj", &subject];
        run("openssl", &[&NEW_KEY[..], &files].concat());
        let extensions = self.file("extensions");
        let text = format!("subjectAltName=IP:127.0.0.1,DNS:localhost\nextendedKeyUsage={usage}\n");
        std::fs::write(&extensions, text).expect("written");
        let (ca, ca_key, days) = (self.file("ca.pem"), self.file("ca.key"), days.to_string());
        let authority = ["-CA", &ca, "-CAkey", &ca_key, "-CAcreateserial", "-days", &days];
        let cert = self.file(&format!("{name}.pem"));
        let files = ["-in", &request, "-extfile", &extensions, "-out", &cert];
        run("openssl", &[&["x509", "-req"], &authority[..], &files].concat());
    }

    /// Puts a file in place of another one, as a whole.
    pub fn replace(&self, name: &str, by: &str) {
        let next = self.file("next");
        std::fs::copy(by, &next).expect("copied");
        std::fs::rename(&next, self.file(name)).expect("renamed");
    }

    /// `ca.pem`, `client.pem`, `client.key` and so on.
    pub fn file(&self, name: &str) -> String {
        self.directory.file(name)
    }

    /// What makes etcd show the server's certificate and want the client's.
    pub fn server_arguments(&self) -> Vec<String> {
        let mut arguments = vec!["--client-cert-auth".to_owned()];
        for (option, file) in [
            ("--cert-file", "server.pem"),
            ("--key-file", "server.key"),
            ("--trusted-ca-file", "ca.pem"),
        ] {
            arguments.extend([option.to_owned(), self.file(file)]);
        }
        arguments
    }

    /// What a client needs.
    pub fn config(&self) -> TlsConfig {
        let read = |name| std::fs::read(self.file(name)).expect("a file");
        let certificate = |name| Certificate::from_pem(&read(name)).expect("PEM").to_owned();
        let key = PrivateKey::from_pem(&read("client.key")).expect("PEM");
        TlsConfig::builder()
            .root_certs(RootCerts::new_with_certs(&[certificate("ca.pem")]))
            .client_cert(Some(ClientCert::new_with_certs(&[certificate("client.pem")], key)))
            .unversioned_rustls_crypto_provider(Arc::new(ring::default_provider()))
            .build()
    }

    /// What a node needs.
    pub fn node_arguments(&self) -> Vec<String> {
        [
            "--cacert",
            &self.file("ca.pem"),
            "--cert",
            &self.file("client.pem"),
            "--key",
            &self.file("client.key"),
        ]
        .map(str::to_owned)
        .to_vec()
    }
}
