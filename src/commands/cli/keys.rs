//! Keys.

use std::time::Duration;

use clap::{Args, Subcommand};

use crate::auth::Scopes;
use crate::ids::GptId;
use crate::limits::RateLimits;

#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// Make a key. It is printed once and cannot be shown again.
    Create(NewKey),
    /// List keys, without their secrets.
    List {
        /// Only this GPT's.
        gpt: Option<GptId>,
    },
    /// Show one key, without its secret.
    Show {
        /// The key's id, as `key list` shows it.
        id: String,
    },
    /// Change a key's name or its rate limits. What is left out stays.
    Update(KeyChanges),
    /// Revoke a key, now. Servers stop accepting it within 5 seconds.
    Revoke {
        /// The key's id, as `key list` shows it.
        id: String,
    },
    /// Make a new key with the rights of an old one, and end the old one.
    Rotate {
        /// The old key's id.
        id: String,
        /// How long the old key stays valid, such as 24h; else it ends now.
        #[arg(long, value_parser = humantime::parse_duration, default_value = "0s")]
        grace: Duration,
    },
}

#[derive(Args, Debug)]
pub struct NewKey {
    /// The GPT it belongs to.
    #[arg(required_unless_present = "operator", conflicts_with = "operator")]
    pub gpt: Option<GptId>,
    /// Make an operator's key: scope `admin`, no GPT.
    #[arg(long)]
    pub operator: bool,
    /// A name for people.
    #[arg(long, default_value = "")]
    pub name: String,
    /// What it may do, separated by commas: objects:read, objects:write, storage:read,
    /// storage:write, files:read, files:write; else all of them.
    #[arg(long, conflicts_with = "operator")]
    pub scopes: Option<Scopes>,
    /// How long it is valid, such as 90d; else until revoked.
    #[arg(long, value_parser = humantime::parse_duration)]
    pub expires_in: Option<Duration>,
    /// Limits of its own in place of RATE_LIMITS, such as key:600/m,write:100/m; or off.
    #[arg(long, value_parser = rate_limits_of_a_key)]
    pub rate_limits: Option<RateLimits>,
}

#[derive(Args, Debug)]
pub struct KeyChanges {
    /// The key's id, as `key list` shows it.
    pub id: String,
    /// A name for people.
    #[arg(long)]
    pub name: Option<String>,
    /// Limits of its own in place of RATE_LIMITS, such as key:600/m,write:100/m; or off.
    #[arg(long, value_parser = rate_limits_of_a_key)]
    pub rate_limits: Option<RateLimits>,
    /// Go back to RATE_LIMITS.
    #[arg(long, conflicts_with = "rate_limits")]
    pub general_rate_limits: bool,
}

pub(super) fn rate_limits_of_a_key(text: &str) -> Result<RateLimits, String> {
    let limits: RateLimits = text.parse().map_err(|error| format!("{error}"))?;
    Ok(limits.of_a_key()?)
}
