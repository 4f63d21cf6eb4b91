//! The sealed bytes of files and parts.

use sea_orm::entity::prelude::*;

use crate::clock::Timestamp;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "blobs")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false, column_type = "Text")]
    pub gpt_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub file_id: Option<Uuid>,
    pub position: i32,
    pub bytes: i64,
    pub stored_bytes: i64,
    pub sha256: Vec<u8>,
    pub key_id: i32,
    pub wrapped_key: Vec<u8>,
    pub created_at: Timestamp,
    pub deleted_at: Option<Timestamp>,
    pub attempts: i32,
    pub next_attempt_at: Option<Timestamp>,
}

impl ActiveModelBehavior for ActiveModel {}
