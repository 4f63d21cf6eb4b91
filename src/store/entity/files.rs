//! What is known of files.

use sea_orm::entity::prelude::*;

use crate::clock::Timestamp;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "files")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false, column_type = "Text")]
    pub gpt_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    #[sea_orm(column_type = "Text")]
    pub filename: String,
    #[sea_orm(column_type = "Text")]
    pub purpose: String,
    #[sea_orm(column_type = "Text")]
    pub content_type: String,
    pub bytes: i64,
    pub sha256: Vec<u8>,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    pub deleted_at: Option<Timestamp>,
    /// The collections whose content it has, as a JSON array; `*` for all of them.
    #[sea_orm(column_type = "Text", nullable)]
    pub collections: Option<String>,
}

impl ActiveModelBehavior for ActiveModel {}
