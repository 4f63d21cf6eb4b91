//! Changes of objects that are to be forwarded.

use sea_orm::entity::prelude::*;

use crate::clock::Timestamp;
use crate::document::Document;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "events")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false, column_type = "Text")]
    pub gpt_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub object_id: Uuid,
    /// Counts the events of the object.
    #[sea_orm(primary_key, auto_increment = false)]
    pub seq: i64,
    pub change_id: Uuid,
    #[sea_orm(column_type = "Text")]
    pub kind: String,
    #[sea_orm(column_type = "Text")]
    pub collection: String,
    pub version: i64,
    pub body: Option<Document>,
    /// The object's.
    pub created_at: Timestamp,
    /// The object's.
    pub updated_at: Timestamp,
    pub changed_at: Timestamp,
    #[sea_orm(column_type = "Text")]
    pub state: String,
    pub attempts: i32,
    pub run_at: Timestamp,
    pub status: Option<i32>,
    #[sea_orm(column_type = "Text", nullable)]
    pub error: Option<String>,
    pub finished_at: Option<Timestamp>,
}

impl ActiveModelBehavior for ActiveModel {}
