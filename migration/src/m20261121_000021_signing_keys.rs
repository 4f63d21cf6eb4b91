//! `signing_keys`: the keys that sign access tokens, sealed, for all replicas and tenants.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut signing_keys = Table::create();
        signing_keys
            .table(SigningKeys::Table)
            .col(
                ColumnDef::new(SigningKeys::Id)
                    .text()
                    .not_null()
                    .primary_key(),
            )
            .col(ColumnDef::new(SigningKeys::PrivateKey).binary().not_null())
            .col(
                ColumnDef::new(SigningKeys::CreatedAt)
                    .timestamp_with_time_zone()
                    .not_null(),
            )
            .col(ColumnDef::new(SigningKeys::RetiresAt).timestamp_with_time_zone());
        manager.create_table(signing_keys).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table(SigningKeys::Table).take())
            .await
    }
}

#[derive(DeriveIden)]
enum SigningKeys {
    Table,
    Id,
    PrivateKey,
    CreatedAt,
    RetiresAt,
}
