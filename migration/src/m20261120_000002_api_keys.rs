//! `api_keys`: the hashes of the keys that callers present.
//!
//! The primary key is the hash alone: a caller is found by it before the tenant is known.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut gpt = ForeignKey::create();
        gpt.name("api_keys_gpt_id_fkey")
            .from(ApiKeys::Table, ApiKeys::GptId)
            .to(Gpts::Table, Gpts::Id)
            .on_delete(ForeignKeyAction::Cascade);
        let mut keys = Table::create();
        keys.table(ApiKeys::Table)
            .col(
                ColumnDef::new(ApiKeys::TokenHash)
                    .binary()
                    .not_null()
                    .primary_key(),
            )
            .col(ColumnDef::new(ApiKeys::Id).text().not_null().unique_key())
            .col(ColumnDef::new(ApiKeys::GptId).text())
            .col(ColumnDef::new(ApiKeys::Name).text().not_null())
            .col(ColumnDef::new(ApiKeys::Scopes).text().not_null())
            .col(
                ColumnDef::new(ApiKeys::CreatedAt)
                    .timestamp_with_time_zone()
                    .not_null(),
            )
            .col(ColumnDef::new(ApiKeys::ExpiresAt).timestamp_with_time_zone())
            .col(ColumnDef::new(ApiKeys::RevokedAt).timestamp_with_time_zone())
            .col(ColumnDef::new(ApiKeys::LastUsed).timestamp_with_time_zone())
            .foreign_key(&mut gpt);
        manager.create_table(keys).await?;

        let mut by_gpt = Index::create();
        by_gpt
            .name("api_keys_gpt_id_created_at_id_idx")
            .table(ApiKeys::Table)
            .col(ApiKeys::GptId)
            .col(ApiKeys::CreatedAt)
            .col(ApiKeys::Id);
        manager.create_index(by_gpt).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table(ApiKeys::Table).take())
            .await
    }
}

#[derive(DeriveIden)]
enum ApiKeys {
    Table,
    TokenHash,
    Id,
    GptId,
    Name,
    Scopes,
    CreatedAt,
    ExpiresAt,
    RevokedAt,
    LastUsed,
}

#[derive(DeriveIden)]
enum Gpts {
    Table,
    Id,
}
