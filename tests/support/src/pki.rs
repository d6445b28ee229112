//! Certificates for tests, made by openssl.

use std::sync::Arc;

use rustls::crypto::ring;
use ureq::tls::{Certificate, ClientCert, PrivateKey, RootCerts, TlsConfig};

use super::{Directory, run};

/// An authority, and what it signed: a server's and a client's certificate.
pub struct Pki {
    directory: Directory,
}

impl Pki {
    pub fn new() -> Pki {
        let pki = Pki { directory: Directory::new() };
        let new = ["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
        let subject = |name: &str| format!("/O={name}");
        let (ca, ca_key) = (pki.file("ca.pem"), pki.file("ca.key"));
        let authority = ["-x509", "-days", "2", "-keyout", &ca_key, "-out", &ca];
        run(
            "openssl",
            &[&new[..], &authority, &["-subj", &subject(&ca.replace('/', " "))]].concat(),
        );
        // The gateway of etcd shows the server's certificate to etcd as a client.
        for (name, usage) in [("server", "serverAuth,clientAuth"), ("client", "clientAuth")] {
            let (key, request) = (pki.file(&format!("{name}.key")), pki.file("request"));
            let files = ["-keyout", &key, "-out", &request];
            run("openssl", &[&new[..], &files, &["-subj", &subject(name)]].concat());
            let extensions = pki.file("extensions");
            let text =
                format!("subjectAltName=IP:127.0.0.1,DNS:localhost\nextendedKeyUsage={usage}\n");
            std::fs::write(&extensions, text).expect("written");
            let cert = pki.file(&format!("{name}.pem"));
            run(
                "openssl",
                &[
                    "x509",
                    "-req",
                    "-days",
                    "2",
                    "-in",
                    &request,
                    "-CA",
                    &ca,
                    "-CAkey",
                    &ca_key,
                    "-CAcreateserial",
                    "-extfile",
                    &extensions,
                    "-out",
                    &cert,
                ],
            );
        }
        pki
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
