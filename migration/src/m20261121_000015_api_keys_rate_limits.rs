//! `api_keys.rate_limits`: limits of a key's own, in the words of the setting; null for the general
//! ones.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut keys = Table::alter();
        keys.table(ApiKeys::Table)
            .add_column(ColumnDef::new(ApiKeys::RateLimits).text());
        manager.alter_table(keys).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut keys = Table::alter();
        keys.table(ApiKeys::Table).drop_column(ApiKeys::RateLimits);
        manager.alter_table(keys).await
    }
}

#[derive(DeriveIden)]
enum ApiKeys {
    Table,
    RateLimits,
}
