//! The programs that ask for tokens.

use sea_orm::entity::prelude::*;

use crate::clock::Timestamp;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "applications")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false, column_type = "Text")]
    pub gpt_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    #[sea_orm(unique, column_type = "Text")]
    pub client_id: String,
    #[sea_orm(column_type = "Text")]
    pub name: String,
    pub is_public: bool,
    /// SHA-256; null for a public client.
    pub secret_hash: Option<Vec<u8>>,
    pub previous_secret_hash: Option<Vec<u8>>,
    pub previous_secret_expires_at: Option<Timestamp>,
    /// Separated by blanks.
    #[sea_orm(column_type = "Text")]
    pub scopes: String,
    /// A JSON array of names; null for all.
    #[sea_orm(column_type = "Text", nullable)]
    pub collections: Option<String>,
    /// A JSON array.
    #[sea_orm(column_type = "Text")]
    pub redirect_uris: String,
    /// In the words of `RATE_LIMITS`; null for the general ones.
    #[sea_orm(column_type = "Text", nullable)]
    pub rate_limits: Option<String>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub last_used: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
}

impl ActiveModelBehavior for ActiveModel {}
