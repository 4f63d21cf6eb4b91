//! What is to be done outside of requests.

use sea_orm::entity::prelude::*;

use crate::clock::Timestamp;
use crate::document::Document;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "jobs")]
pub struct Model {
    /// Empty for a job of the house.
    #[sea_orm(primary_key, auto_increment = false, column_type = "Text")]
    pub gpt_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    #[sea_orm(column_type = "Text")]
    pub kind: String,
    #[sea_orm(column_type = "Text")]
    pub state: String,
    pub run_at: Timestamp,
    pub attempts: i32,
    pub max_attempts: i32,
    #[sea_orm(column_type = "Text", nullable)]
    pub locked_by: Option<String>,
    pub lease_until: Option<Timestamp>,
    pub payload: Document,
    pub progress: Document,
    pub result: Option<Document>,
    #[sea_orm(column_type = "Text", nullable)]
    pub error: Option<String>,
    #[sea_orm(column_type = "Text", nullable)]
    pub unique_key: Option<String>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub finished_at: Option<Timestamp>,
}

impl ActiveModelBehavior for ActiveModel {}
