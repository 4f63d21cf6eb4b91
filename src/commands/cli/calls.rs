//! `audit …`: which calls are asked for.

use std::str::FromStr;

use clap::{Args, Subcommand};

use crate::clock::Timestamp;
use crate::ids::GptId;

#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// List calls with a good key, the latest first.
    List(CallFilter),
}

#[derive(Args, Debug)]
pub struct CallFilter {
    /// Only this GPT's.
    #[arg(long)]
    pub gpt: Option<GptId>,
    /// Only those with a token of the application with this client id.
    #[arg(long)]
    pub application: Option<String>,
    /// Only those with this key, or with a token behind which it stands.
    #[arg(long)]
    pub key: Option<String>,
    /// Only those of this application, as X-Thesara-App-Id names it.
    #[arg(long)]
    pub app: Option<String>,
    /// Only those of this operation, such as create_object.
    #[arg(long)]
    pub operation: Option<String>,
    /// Only those answered with this HTTP status, or one of a class such as 4xx.
    #[arg(long)]
    pub status: Option<Statuses>,
    /// Only those since then: a time such as 2026-11-21T08:00:00Z, or how long ago, such as 24h.
    #[arg(long, value_parser = moment)]
    pub since: Option<Timestamp>,
    /// Only those before then, in the same forms.
    #[arg(long, value_parser = moment)]
    pub until: Option<Timestamp>,
    /// How many, at most.
    #[arg(long, default_value_t = 100)]
    pub limit: u32,
}

/// A status, or all that begin with a digit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Statuses {
    One(u16),
    Class(u16),
}

impl FromStr for Statuses {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (class, number) = match text.strip_suffix("xx") {
            Some(digit) => (true, digit.parse::<u16>()),
            None => (false, text.parse()),
        };
        match (class, number) {
            (true, Ok(class)) if (1..=5).contains(&class) => Ok(Self::Class(class)),
            (false, Ok(status)) => Ok(Self::One(status)),
            _ => Err("write a status such as 404, or a class such as 4xx"),
        }
    }
}

/// A time, or how long ago it is.
pub(super) fn moment(text: &str) -> Result<Timestamp, String> {
    if let Ok(ago) = humantime::parse_duration(text) {
        return Ok(Timestamp::now().minus(ago));
    }
    text.parse().map_err(|error| {
        format!("{error}; write a time such as 2026-11-21T08:00:00Z, or how long ago, such as 24h")
    })
}
