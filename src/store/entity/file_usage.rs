//! What the files of a GPT take.

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "file_usage")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false, column_type = "Text")]
    pub gpt_id: String,
    pub files: i64,
    pub bytes: i64,
}

impl ActiveModelBehavior for ActiveModel {}
