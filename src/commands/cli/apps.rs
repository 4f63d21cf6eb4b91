//! Applications and their sessions.

use std::time::Duration;

use clap::{Args, Subcommand};
use uuid::Uuid;

use super::keys::rate_limits_of_a_key;
use crate::auth::Scopes;
use crate::ids::{CollectionName, GptId};
use crate::limits::RateLimits;

#[derive(Debug, Subcommand)]
pub enum AppCommand {
    /// Make an application. Its secret is printed once and cannot be shown again.
    Create(NewApp),
    /// List applications, without their secrets.
    List {
        /// Only this GPT's.
        gpt: Option<GptId>,
    },
    /// Change an application. What is not named stays.
    Update(AppUpdate),
    /// Make a new secret.
    RotateSecret {
        /// The application's client id.
        client_id: String,
        /// How long the old secret stays valid, such as 24h; else it ends now.
        #[arg(long, value_parser = humantime::parse_duration, default_value = "0s")]
        keep_old: Duration,
    },
    /// Revoke an application with all its sessions, now.
    Revoke {
        /// Its client id, as `app list` shows it.
        client_id: String,
    },
}

#[derive(Args, Debug)]
pub struct NewApp {
    /// The GPT for which it acts.
    pub gpt: GptId,
    /// A name for people, who see it when they are asked for consent.
    #[arg(long)]
    pub name: String,
    /// It can keep no secret: a page in a browser, or a program on a person's own machine.
    #[arg(long)]
    pub public: bool,
    /// The most that it may be granted, separated by commas, as for `key create`; else all of them.
    #[arg(long)]
    pub scopes: Option<Scopes>,
    /// The only collections that it may see, separated by commas; else all.
    #[arg(long, value_delimiter = ',')]
    pub collections: Option<Vec<CollectionName>>,
    /// Where answers may be sent, letter by letter; up to ten times.
    #[arg(long = "redirect-uri")]
    pub redirect_uris: Vec<String>,
    /// Limits of its own in place of RATE_LIMITS, such as key:600/m,write:100/m; or off.
    #[arg(long, value_parser = rate_limits_of_a_key)]
    pub rate_limits: Option<RateLimits>,
}

#[derive(Args, Debug)]
pub struct AppUpdate {
    /// The application's client id.
    pub client_id: String,
    /// Another name for people.
    #[arg(long)]
    pub name: Option<String>,
    /// The most that it may be granted, separated by commas.
    #[arg(long)]
    pub scopes: Option<Scopes>,
    /// The only collections that it may see, separated by commas.
    #[arg(long, value_delimiter = ',')]
    pub collections: Option<Vec<CollectionName>>,
    /// Let it see all collections.
    #[arg(long, conflicts_with = "collections")]
    pub all_collections: bool,
    /// Where answers may be sent, in place of all that it had.
    #[arg(long = "redirect-uri")]
    pub redirect_uris: Option<Vec<String>>,
    /// Limits of its own, such as key:600/m,write:100/m; or off.
    #[arg(long, value_parser = rate_limits_of_a_key)]
    pub rate_limits: Option<RateLimits>,
    /// Let the general limits hold for it.
    #[arg(long, conflicts_with = "rate_limits")]
    pub general_rate_limits: bool,
}

#[derive(Debug, Subcommand)]
pub enum SessionCommand {
    /// List sessions, the latest first.
    List(SessionFilter),
    /// End a session, now. Servers stop accepting its tokens within 5 seconds.
    End {
        /// Its id, as `session list` shows it.
        id: Uuid,
    },
}

#[derive(Args, Debug)]
pub struct SessionFilter {
    /// Only this GPT's.
    #[arg(long)]
    pub gpt: Option<GptId>,
    /// Only those of the application with this client id.
    #[arg(long)]
    pub app: Option<String>,
    /// Only those that have not ended.
    #[arg(long)]
    pub alive: bool,
    /// How many, at most.
    #[arg(long, default_value_t = 100)]
    pub limit: u32,
}
