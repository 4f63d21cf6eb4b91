//! `webhook …`.

use std::time::Duration;

use clap::{Args, Subcommand};

use crate::ids::GptId;
use crate::service::EventState;

#[derive(Debug, Subcommand)]
pub enum WebhookCommand {
    /// Forward a GPT's changes to a URL. Without a webhook before, its secret is printed once.
    Put {
        /// The GPT whose changes are forwarded.
        gpt: GptId,
        /// Where to: an https URL.
        url: String,
        /// Note and deliver nothing for now; what waits goes on waiting.
        #[arg(long)]
        disabled: bool,
    },
    /// Show a GPT's webhook, without its secret.
    Show {
        /// The GPT.
        gpt: GptId,
    },
    /// Make a new secret.
    RotateSecret {
        /// The GPT.
        gpt: GptId,
        /// How long deliveries are signed with the old one too, such as 24h; else not at all.
        #[arg(long, value_parser = humantime::parse_duration, default_value = "0s")]
        keep_old: Duration,
    },
    /// Stop forwarding, and forget what was not delivered.
    Delete {
        /// The GPT.
        gpt: GptId,
    },
    /// List events, the latest first; those that failed are dead letters.
    Events(EventFilter),
    /// Deliver dead letters again.
    Retry {
        /// The GPT.
        gpt: GptId,
    },
}

#[derive(Args, Debug)]
pub struct EventFilter {
    /// The GPT.
    pub gpt: GptId,
    /// Only those in this state: pending, delivered or failed.
    #[arg(long, value_parser = state)]
    pub state: Option<EventState>,
    /// How many, at most.
    #[arg(long, default_value_t = 100)]
    pub limit: u32,
}

fn state(text: &str) -> Result<EventState, &'static str> {
    let mut known = EventState::ALL.into_iter();
    known
        .find(|state| state.as_str() == text)
        .ok_or("must be pending, delivered or failed")
}
