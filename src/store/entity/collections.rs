//! Named sets of objects.

use sea_orm::entity::prelude::*;

use crate::clock::Timestamp;
use crate::document::Document;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "collections")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false, column_type = "Text")]
    pub gpt_id: String,
    #[sea_orm(primary_key, auto_increment = false, column_type = "Text")]
    pub name: String,
    pub id: Uuid,
    pub schema: Option<Document>,
    pub version: i64,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub is_forwarded: bool,
}

impl ActiveModelBehavior for ActiveModel {}
