//! Calls with a good key.

use sea_orm::entity::prelude::*;

use crate::clock::Timestamp;
use crate::document::Document;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_log")]
pub struct Model {
    /// Empty for an operator's call.
    #[sea_orm(primary_key, auto_increment = false, column_type = "Text")]
    pub gpt_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Empty for a call with a token for which no key stands.
    #[sea_orm(column_type = "Text")]
    pub key_id: String,
    #[sea_orm(column_type = "Text", nullable)]
    pub app_id: Option<String>,
    #[sea_orm(column_type = "Text")]
    pub operation: String,
    #[sea_orm(column_type = "Text")]
    pub method: String,
    /// With the names of parameters in braces.
    #[sea_orm(column_type = "Text")]
    pub path: String,
    pub request: Document,
    pub status: i32,
    #[sea_orm(column_type = "Double")]
    pub milliseconds: f64,
    #[sea_orm(column_type = "Text")]
    pub request_id: String,
    #[sea_orm(column_type = "Text")]
    pub client_address: String,
    #[sea_orm(column_type = "Text", nullable)]
    pub memory_service_request_id: Option<String>,
    pub created_at: Timestamp,
    /// The client id.
    #[sea_orm(column_type = "Text", nullable)]
    pub application_id: Option<String>,
    pub session_id: Option<Uuid>,
}

impl ActiveModelBehavior for ActiveModel {}
