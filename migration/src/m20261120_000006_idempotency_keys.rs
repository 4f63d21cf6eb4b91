//! `idempotency_keys`: the first answers to requests that carried an `Idempotency-Key`.
//!
//! The answer is text, not JSON: it is given again byte for byte.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut gpt = ForeignKey::create();
        gpt.name("idempotency_keys_gpt_id_fkey")
            .from(IdempotencyKeys::Table, IdempotencyKeys::GptId)
            .to(Gpts::Table, Gpts::Id)
            .on_delete(ForeignKeyAction::Cascade);
        let mut keys = Table::create();
        keys.table(IdempotencyKeys::Table)
            .col(ColumnDef::new(IdempotencyKeys::GptId).text().not_null())
            .col(ColumnDef::new(IdempotencyKeys::KeyHash).binary().not_null())
            .col(
                ColumnDef::new(IdempotencyKeys::Fingerprint)
                    .binary()
                    .not_null(),
            )
            .col(ColumnDef::new(IdempotencyKeys::Answer).text().not_null())
            .col(
                ColumnDef::new(IdempotencyKeys::CreatedAt)
                    .timestamp_with_time_zone()
                    .not_null(),
            )
            .col(
                ColumnDef::new(IdempotencyKeys::ExpiresAt)
                    .timestamp_with_time_zone()
                    .not_null(),
            )
            .primary_key(
                Index::create()
                    .col(IdempotencyKeys::GptId)
                    .col(IdempotencyKeys::KeyHash),
            )
            .foreign_key(&mut gpt);
        manager.create_table(keys).await?;

        let mut by_expiry = Index::create();
        by_expiry
            .name("idempotency_keys_expires_at_idx")
            .table(IdempotencyKeys::Table)
            .col(IdempotencyKeys::ExpiresAt);
        manager.create_index(by_expiry).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table(IdempotencyKeys::Table).take())
            .await
    }
}

#[derive(DeriveIden)]
enum IdempotencyKeys {
    Table,
    GptId,
    KeyHash,
    Fingerprint,
    Answer,
    CreatedAt,
    ExpiresAt,
}

#[derive(DeriveIden)]
enum Gpts {
    Table,
    Id,
}
