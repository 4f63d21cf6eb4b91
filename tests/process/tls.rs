//! HTTPS: the server's own, by certificates that are renewed while it runs, and that of a proxy.

use std::fs;
use std::path::Path;
use std::time::Duration;

use rcgen::{CertifiedKey, KeyPair, generate_simple_self_signed};
use reqwest::{Certificate, Client};
use serde_json::Value;

use crate::support::cluster::ScratchDatabase;
use crate::support::http;
use crate::support::process::{Program, ServerProcess, free_port};

const PATIENCE: Duration = Duration::from_secs(10);

/// A certificate of its own, that nobody trusts but who is told to.
struct Pair(CertifiedKey<KeyPair>);

impl Pair {
    fn new() -> Self {
        Self(generate_simple_self_signed(["localhost".to_owned()]).unwrap())
    }

    /// Writes both files, as a renewal does: one after the other.
    fn write(&self, folder: &Path) {
        fs::write(folder.join("key.pem"), self.0.signing_key.serialize_pem()).unwrap();
        fs::write(folder.join("cert.pem"), self.0.cert.pem()).unwrap();
    }

    /// A client that trusts this certificate alone, and has no connection yet.
    fn client(&self) -> Client {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let certificate = Certificate::from_pem(self.0.cert.pem().as_bytes()).unwrap();
        Client::builder()
            .no_proxy()
            .timeout(PATIENCE)
            .tls_certs_only([certificate])
            .build()
            .unwrap()
    }
}

fn program() -> Program {
    Program::new()
        .with("TLS_CERTIFICATE", "cert.pem")
        .with("TLS_KEY", "key.pem")
}

async fn serve(pair: &Pair) -> ServerProcess {
    let program = program();
    pair.write(program.folder());
    program.serve(&[]).await
}

fn url(server: &ServerProcess) -> String {
    format!("https://localhost:{}/health", server.port())
}

#[tokio::test]
async fn a_renewed_certificate_is_shown_to_who_comes_and_ends_no_connection() {
    let (first, second) = (Pair::new(), Pair::new());
    let server = serve(&first).await;
    let (url, connected) = (url(&server), first.client());
    connected.get(&url).send().await.unwrap();
    assert!(second.client().get(&url).send().await.is_err());

    second.write(server.program().folder());
    server.logs("the certificate was read again").await;
    let shown = async |pair: &Pair| pair.client().get(&url).send().await.is_ok();
    while !shown(&second).await {
        // Between the two files they did not belong together.
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(!shown(&first).await);
    // It trusts the first certificate alone, so this is the connection that it had.
    let answer = connected.get(&url).send().await.unwrap();
    assert_eq!(answer.status(), 200);
}

#[tokio::test]
async fn a_pair_that_cannot_be_used_leaves_the_one_before() {
    let pair = Pair::new();
    let server = serve(&pair).await;
    let key = server.program().folder().join("key.pem");
    for (round, wrong) in ["nonsense", &Pair::new().0.signing_key.serialize_pem()]
        .into_iter()
        .enumerate()
    {
        fs::write(&key, wrong).unwrap();
        let told = || server.stderr().matches("the old one is kept").count();
        while told() <= round {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        pair.client().get(url(&server)).send().await.unwrap();
    }
    assert!(!server.stderr().contains("PRIVATE KEY"));
}

#[test]
fn no_server_starts_with_a_pair_that_cannot_be_used() {
    let program = program();
    let start = |says| {
        program.run(&["serve"]).failed_saying(says);
    };
    start("TLS_CERTIFICATE cannot be read");
    let (one, other) = (Pair::new(), Pair::new());
    one.write(program.folder());
    let path = |name| program.folder().join(name);
    fs::write(path("key.pem"), other.0.signing_key.serialize_pem()).unwrap();
    start("TLS_CERTIFICATE and TLS_KEY cannot be used together");
    fs::write(path("cert.pem"), "").unwrap();
    start("a file without a certificate");
    one.write(program.folder());
    fs::write(path("key.pem"), "secret-but-no-key").unwrap();
    start("TLS_KEY cannot be read");
    assert!(!path("data").exists());
}

#[tokio::test]
async fn both_listeners_speak_https_and_say_so() {
    let pair = Pair::new();
    let port = free_port();
    let program = program()
        .with("ADMIN_LISTEN", &format!("127.0.0.1:{port}"))
        .with("REQUIRE_HTTPS", "on");
    pair.write(program.folder());
    let server = program.serve(&[]).await;
    let client = pair.client();
    for url in [
        format!("https://localhost:{}/v1/limits", server.port()),
        format!("https://localhost:{port}/admin/v1/gpts"),
    ] {
        let answer = client.get(&url).send().await.unwrap();
        assert_eq!(answer.status(), 401, "{url}");
        let strict = &answer.headers()["strict-transport-security"];
        assert_eq!(strict, "max-age=31536000");
    }
    let plain = format!("http://127.0.0.1:{}/health", server.port());
    assert!(http::client().get(plain).send().await.is_err());
    assert_eq!(server.program().json(&["health"])["status"], "ok");
    let greeting = server.stdout();
    assert!(greeting.contains("https://localhost:"), "{greeting}");
}

#[tokio::test]
async fn plain_requests_are_refused_but_for_health() {
    let database = ScratchDatabase::sqlite();
    let settings = [
        ("REQUIRE_HTTPS", "on"),
        ("TRUSTED_PROXIES", "127.0.0.1"),
        ("PUBLIC_URL", "https://memory.example"),
    ];
    let server = ServerProcess::start(database.url(), &settings).await;
    let ask = async |path: &str, scheme: Option<&str>| {
        let mut request = http::client().get(server.url(path));
        if let Some(scheme) = scheme {
            request = request.header("x-forwarded-proto", scheme);
        }
        request.send().await.unwrap()
    };
    for scheme in [None, Some("http")] {
        let refused = ask("/v1/limits", scheme).await;
        assert_eq!(refused.status(), 403);
        assert!(!refused.headers().contains_key("strict-transport-security"));
        let problem: Value = refused.json().await.unwrap();
        assert_eq!(
            problem["type"],
            "https://memory.example/problems/https-required"
        );
        assert_eq!(ask("/health", scheme).await.status(), 200);
        assert_eq!(ask("/healthy", scheme).await.status(), 403);
    }
    let answered = ask("/v1/limits", Some("https")).await;
    assert_eq!(answered.status(), 401);
    assert!(answered.headers().contains_key("strict-transport-security"));
    let page = ask("/problems/https-required", Some("https")).await;
    assert_eq!(page.status(), 200);
}

#[tokio::test]
async fn a_stranger_is_not_believed_to_speak_https() {
    let database = ScratchDatabase::sqlite();
    let server = ServerProcess::start(database.url(), &[("REQUIRE_HTTPS", "on")]).await;
    for (name, value) in [("x-forwarded-proto", "https"), ("forwarded", "proto=https")] {
        let request = http::client().get(server.url("/v1/limits"));
        let refused = request.header(name, value).send().await.unwrap();
        assert_eq!(refused.status(), 403, "{name}");
    }
}
