//! `refresh_tokens`: the hashes of refresh tokens, of which each is good once.
//!
//! One that was used stays, so that its second use is noticed.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut session = ForeignKey::create();
        session
            .name("refresh_tokens_gpt_id_session_id_fkey")
            .from(
                RefreshTokens::Table,
                (RefreshTokens::GptId, RefreshTokens::SessionId),
            )
            .to(Sessions::Table, (Sessions::GptId, Sessions::Id))
            .on_delete(ForeignKeyAction::Cascade);
        let mut refresh_tokens = Table::create();
        refresh_tokens
            .table(RefreshTokens::Table)
            .col(ColumnDef::new(RefreshTokens::GptId).text().not_null())
            .col(ColumnDef::new(RefreshTokens::TokenHash).binary().not_null())
            .col(ColumnDef::new(RefreshTokens::SessionId).uuid().not_null())
            .col(
                ColumnDef::new(RefreshTokens::CreatedAt)
                    .timestamp_with_time_zone()
                    .not_null(),
            )
            .col(
                ColumnDef::new(RefreshTokens::ExpiresAt)
                    .timestamp_with_time_zone()
                    .not_null(),
            )
            .col(ColumnDef::new(RefreshTokens::UsedAt).timestamp_with_time_zone())
            .primary_key(
                Index::create()
                    .col(RefreshTokens::GptId)
                    .col(RefreshTokens::TokenHash),
            )
            .foreign_key(&mut session);
        manager.create_table(refresh_tokens).await?;

        let mut by_hash = Index::create();
        by_hash
            .name("refresh_tokens_token_hash_key")
            .table(RefreshTokens::Table)
            .col(RefreshTokens::TokenHash)
            .unique();
        manager.create_index(by_hash).await?;

        let mut of_a_session = Index::create();
        of_a_session
            .name("refresh_tokens_gpt_id_session_id_idx")
            .table(RefreshTokens::Table)
            .col(RefreshTokens::GptId)
            .col(RefreshTokens::SessionId);
        manager.create_index(of_a_session).await?;

        let mut by_expiry = Index::create();
        by_expiry
            .name("refresh_tokens_expires_at_idx")
            .table(RefreshTokens::Table)
            .col(RefreshTokens::ExpiresAt);
        manager.create_index(by_expiry).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table(RefreshTokens::Table).take())
            .await
    }
}

#[derive(DeriveIden)]
enum RefreshTokens {
    Table,
    GptId,
    TokenHash,
    SessionId,
    CreatedAt,
    ExpiresAt,
    UsedAt,
}

#[derive(DeriveIden)]
enum Sessions {
    Table,
    GptId,
    Id,
}
