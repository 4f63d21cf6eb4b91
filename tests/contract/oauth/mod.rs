//! The authorization server: RFC 6749 and 7636, and what RFC 9700 tells to look out for.

mod authorize;
mod chatgpt;
mod clients;
mod codes;
mod consent;
mod discovery;
mod refreshing;
mod tokens;
