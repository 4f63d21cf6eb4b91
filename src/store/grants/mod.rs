//! Grants: what an application shows to get tokens, of which each is good once.

mod code;
mod open;
mod prune;
mod refresh;

pub use code::{AuthorizationCodeRow, CodeExchange};
pub use open::{NewRefreshToken, NewSession};
pub use refresh::{RefreshExchange, RefreshTokenRow};
