//! `health`: asks a running server, for images without a shell or curl.

use std::time::Duration;

use super::Failure;
use crate::config::Config;

const PATIENCE: Duration = Duration::from_secs(5);

/// Fails unless the server answers `ok`.
pub(super) async fn check(url: Option<String>, config: &Config, json: bool) -> Result<(), Failure> {
    let url = url.unwrap_or_else(|| format!("http://{}", reachable(config)));
    let address = format!("{}/health", url.trim_end_matches('/'));
    let body = tokio::task::spawn_blocking(move || ask(&address)).await??;
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
fn reachable(config: &Config) -> std::net::SocketAddr {
    let mut address = config.http.listen;
    if address.ip().is_unspecified() {
        address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
    }
    address
}

fn ask(address: &str) -> Result<String, Failure> {
    let agent = ureq::Agent::config_builder()
        .timeout_global(Some(PATIENCE))
        .build()
        .new_agent();
    let answer = agent.get(address).call();
    let mut answer = answer.map_err(|error| format!("no answer from {address}: {error}"))?;
    Ok(answer.body_mut().read_to_string()?)
}
