//! Hashes of the keys that callers present.

use sea_orm::entity::prelude::*;

use crate::clock::Timestamp;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "api_keys")]
pub struct Model {
    /// SHA-256 of the key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub token_hash: Vec<u8>,
    #[sea_orm(unique, column_type = "Text")]
    pub id: String,
    /// Null for an operator's key.
    #[sea_orm(column_type = "Text", nullable)]
    pub gpt_id: Option<String>,
    #[sea_orm(column_type = "Text")]
    pub name: String,
    /// Separated by blanks.
    #[sea_orm(column_type = "Text")]
    pub scopes: String,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
    pub last_used: Option<Timestamp>,
    /// In the words of `RATE_LIMITS`; null for the general ones.
    #[sea_orm(column_type = "Text", nullable)]
    pub rate_limits: Option<String>,
}

impl ActiveModelBehavior for ActiveModel {}
