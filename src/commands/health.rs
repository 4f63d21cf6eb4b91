//! `health`: asks a running server, for images without a shell or curl.

use std::time::Duration;

use super::Failure;
use crate::config::Config;
use crate::error::chain;

const PATIENCE: Duration = Duration::from_secs(5);

/// Fails unless the server answers `ok`.
pub(super) async fn check(url: Option<String>, config: &Config, json: bool) -> Result<(), Failure> {
    // Our own certificate names us as the outside does, not by the loopback address.
    let is_ours = url.is_none();
    let url = url.unwrap_or_else(|| reachable(config));
    let address = format!("{}/health", url.trim_end_matches('/'));
    let body = ask(&address, is_ours).await;
    let body = body.map_err(|error| format!("no answer from {address}: {}", chain(&error)))?;
    let health: serde_json::Value = serde_json::from_str(&body)?;
    let status = health["status"].as_str().unwrap_or("unknown").to_owned();
    println!("{}", if json { body } else { status.clone() });
    if status == "ok" {
        Ok(())
    } else {
        Err(format!("the server is {status}").into())
    }
}

/// The listening address; a wildcard is reached through loopback.
fn reachable(config: &Config) -> String {
    let mut address = config.http.listen;
    if address.ip().is_unspecified() {
        address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
    }
    let scheme = config.http.tls.as_ref().map_or("http", |_| "https");
    format!("{scheme}://{address}")
}

async fn ask(address: &str, is_ours: bool) -> reqwest::Result<String> {
    // reqwest wants to know who does TLS. Only the first call counts.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder()
        .no_proxy()
        .timeout(PATIENCE)
        .tls_danger_accept_invalid_certs(is_ours)
        .build()?;
    let answer = client.get(address).send().await?;
    answer.error_for_status()?.text().await
}
