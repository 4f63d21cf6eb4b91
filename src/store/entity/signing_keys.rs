//! The keys that sign access tokens.

use sea_orm::entity::prelude::*;

use crate::clock::Timestamp;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "signing_keys")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false, column_type = "Text")]
    pub id: String,
    /// PKCS#8, sealed.
    pub private_key: Vec<u8>,
    pub created_at: Timestamp,
    pub retires_at: Option<Timestamp>,
}

impl ActiveModelBehavior for ActiveModel {}
